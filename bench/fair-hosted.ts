/** A chat beside a run on the embedded engine in its thread: what sharing wins for the chat and costs the run. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { folderBlobStore } from "../functions/adapters/files/blob-store.ts";
import { hostedEngine } from "../functions/embedded/hosted/engine.ts";
import { EMBEDDED_LIMITS, fairEngine } from "../functions/fair/fair-engine.ts";
import type { Engine } from "../shared/ports/engine.ts";
import type { BatchLine, ChatBody } from "../shared/schemas/chat.ts";
import { captionLines, type Picture, pictureSet, questionLines } from "./engine-cases.ts";

const SETS = 3; // of 120 pictures: a run of 3,600 answers, or of 12,240 questions
const REPETITIONS = 3;
const CHATS = 8;
const never = new AbortController().signal;

/** Prints its figures; the engine without sharing is the peer. */
export async function measureHosted(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), "rlaifv-bench-fair-"));
  const engine = hostedEngine({ dataDir });
  try {
    const blobs = await folderBlobStore(dataDir);
    const pictures: Picture[] = [];
    for (let set = 0; set < SETS; set++) pictures.push(...(await pictureSet(set, blobs)));
    const captions = numbered(captionLines(pictures));
    const questions = numbered(questionLines(pictures));
    await answered(engine, captions.slice(0, 60)); // both models and the second thread are there
    await answered(engine, questions.slice(0, 60));
    console.log("\nA chat beside a run, on the embedded engine in its thread");
    await cost("answers", captions, engine);
    await cost("questions", questions, engine);
    const chats = captions.slice(0, CHATS).map(({ body }, seed) => ({ ...body, n: 1, seed }));
    await waits("answers", captions, chats, engine);
    await waits("questions", questions, chats, engine);
  } finally {
    await engine.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

const numbered = (lines: readonly BatchLine[]): BatchLine[] =>
  lines.map((line, at) => ({ ...line, custom_id: `${line.custom_id}/${at}` }));

const shared = (engine: Engine) => fairEngine(engine, EMBEDDED_LIMITS);

/** Milliseconds until all lines are answered. */
async function answered(engine: Engine, lines: readonly BatchLine[]): Promise<number> {
  const started = performance.now();
  for await (const reply of engine.run(lines, never)) {
    if (reply.outcome === "failed") throw new Error(`${reply.custom_id}: ${reply.failure.message}`);
  }
  return performance.now() - started;
}

/** A lone run with and without sharing, in turns; the best of each. */
async function cost(what: string, lines: readonly BatchLine[], engine: Engine): Promise<void> {
  const [direct, gated]: number[][] = [[], []];
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    direct!.push(await answered(engine, lines));
    gated!.push(await answered(shared(engine).for("run"), lines));
  }
  const [without, withIt] = [Math.min(...direct!), Math.min(...gated!)];
  const speed = `${(without / withIt).toFixed(3)} of the speed without`;
  console.log(`  a lone run of ${lines.length} requests for ${what}: shared ${seconds(withIt)}, ${speed}`);
}

/** First tokens of chats while a run works, shared, not shared, and alone. */
async function waits(
  what: string,
  lines: readonly BatchLine[],
  chats: readonly ChatBody[],
  engine: Engine,
): Promise<void> {
  const alone = await firstTokens(engine, chats);
  const fair = shared(engine);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const before = performance.eventLoopUtilization();
  const beside = await besideRun(fair.for("run"), lines, () => firstTokens(fair.for("chat"), chats));
  const { utilization } = performance.eventLoopUtilization(before);
  delay.disable();
  const [unshared] = await besideRun(engine, lines, () => firstTokens(engine, chats.slice(0, 1)));
  console.log(`  first token of a chat beside a run for ${what}: ${spread(beside)}`);
  console.log(`    not shared ${seconds(unshared!)}; alone ${spread(alone)}`);
  const busy = `${(100 * utilization).toFixed(0)} % busy`;
  console.log(`    the asking thread meanwhile: ${busy}, longest pause ${(delay.max / 1e6).toFixed(0)} ms`);
}

/** Milliseconds to the first token of each chat, one chat after the other. */
async function firstTokens(engine: Engine, chats: readonly ChatBody[]): Promise<number[]> {
  const times: number[] = [];
  for (const body of chats) {
    const started = performance.now();
    let first: number | undefined;
    for await (const _ of engine.stream(body, never)) first ??= performance.now() - started;
    times.push(first!);
  }
  return times;
}

/** Starts the lines again and again while `work` goes on, which begins once they are under way. */
async function besideRun<T>(engine: Engine, lines: readonly BatchLine[], work: () => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const underWay = Promise.withResolvers<void>();
  const running = (async () => {
    while (!stop.signal.aborted) for await (const _ of engine.run(lines, stop.signal)) underWay.resolve();
  })();
  await underWay.promise;
  const result = await work();
  stop.abort();
  await running;
  return result;
}

const spread = (times: readonly number[]): string => {
  const sorted = times.toSorted((a, b) => a - b);
  return `median ${seconds(sorted[sorted.length >> 1]!)}, longest ${seconds(sorted.at(-1)!)} of ${times.length}`;
};

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
