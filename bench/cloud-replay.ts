/**
 * What our own code takes of a Lambda: one shard's replay (read, ask, write the batch; read the replies, absorb, write the
 * shard's file) for a policy of ten answers with ten claims each, and a round in `pair`'s memory. Real stages, made-up replies.
 */
import { fileURLToPath } from "node:url";
import { memoryBlobStore } from "../functions/adapters/memory/blob-store.ts";
import { memoryStateStore } from "../functions/adapters/memory/state-store.ts";
import { writeJson } from "../functions/workers/files.ts";
import { pairRound } from "../functions/workers/pair-round.ts";
import { plan } from "../functions/workers/plan.ts";
import { sampleIdOf } from "../shared/ids.ts";
import { encodeLines } from "../shared/jsonl.ts";
import { configKey, samplesKey } from "../shared/keys.ts";
import { modelStage, STAGE_ORDER } from "../shared/pipeline.ts";
import { randomFrom } from "../shared/random.ts";
import { ChatCompletion, type ChatReply, type ChatRequest } from "../shared/schemas/chat.ts";
import { RunConfig } from "../shared/schemas/config.ts";
import { BatchOutputLine } from "../shared/schemas/gpu.ts";
import type { StageName } from "../shared/schemas/rows.ts";
import { type Scored, Submitted } from "../shared/schemas/sample.ts";
import type { StageContext } from "../shared/stages/stage.ts";

const CLAIMS = 10;
const DISTINCT = 0.5; // shared/budget/stage-loads.ts: half of the claims of ten answers are the same
const LOGPROBS = 20;

export type Replayed = {
  stage: StageName;
  requests: number;
  /** Of dispatch and of collect. */
  askMs: number;
  absorbMs: number;
  batchBytes: number;
  replyBytes: number;
  shardBytes: number;
};

export const config = RunConfig.parse({
  data: { path: "x" },
  policy: { engine: "modal", model: "p" },
  divider: { engine: "modal", model: "d" },
  questioner: { engine: "modal", model: "q" },
  labelers: [{ engine: "modal", model: "l" }],
});
const CONTEXT: StageContext = {
  config,
  round: 1,
  policy: "base",
  structuredOutput: { divider: true, questioner: true },
};

/** Walks `samples` through the four stages as the workers of the cloud do; gives what each took, and the scored samples. */
export function replay(samples: number): { stages: Replayed[]; scored: Scored[] } {
  const random = randomFrom(1);
  let file: Uint8Array = encodeLines(
    "submitted",
    Array.from({ length: samples }, (_, at) => submitted(at)),
  ).bytes;
  const stages = STAGE_ORDER.map((stage) => {
    const { next, ...took } = replayStage(stage, file, random);
    file = next;
    return took;
  });
  return { stages, scored: linesOf(file) as Scored[] };
}

function replayStage(name: StageName, file: Uint8Array, random: () => number): Replayed & { next: Uint8Array } {
  const stage = modelStage(name);
  const parse = () => linesOf(file).map((line) => stage.input.parse(line));
  const began = performance.now();
  const asked = parse().flatMap((sample) => stage.ask(sample, CONTEXT));
  const batch = asked.map((request) => JSON.stringify(lineOf(request))).join("\n");
  const askMs = performance.now() - began;
  const replies = asked.map((request) => JSON.stringify(outputOf(request, random))).join("\n");
  const came = performance.now();
  const all = new Map(
    replies
      .split("\n")
      .map(replyOf)
      .map((reply) => [reply.custom_id, reply]),
  );
  const done = parse().map((sample) => {
    const own = new Map(stage.ask(sample, CONTEXT).map(({ custom_id }) => [custom_id, all.get(custom_id)!]));
    const result = stage.absorb(sample, own, CONTEXT);
    if (result.outcome !== "done") throw new Error(`${name}: the made-up replies end as ${result.outcome}`);
    return result.sample;
  });
  const next = encodeLines(name, done).bytes;
  const absorbMs = performance.now() - came;
  const sizes = { batchBytes: batch.length, replyBytes: replies.length, shardBytes: next.length };
  return { stage: name, requests: asked.length, askMs, absorbMs, ...sizes, next };
}

const linesOf = (file: Uint8Array): unknown[] =>
  new TextDecoder()
    .decode(file)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

const lineOf = ({ custom_id, body }: ChatRequest) => ({ custom_id, method: "POST", url: "/v1/chat/completions", body });

function submitted(at: number): Submitted {
  const sha256 = at.toString(16).padStart(64, "0");
  const question = "Please describe this image in as much detail as you can.";
  const image = { sha256, path: `train/${sha256.slice(-12)}.jpg`, width: 640, height: 480 };
  return { sampleId: sampleIdOf({ imageSha256: sha256, question }), image, question, metadata: { source: "bench" } };
}

function outputOf({ custom_id, body }: ChatRequest, random: () => number) {
  const usage = { prompt_tokens: 600, completion_tokens: 160, total_tokens: 760 };
  const choices = textsFor(body, random).map((content, index) => ({
    index,
    finish_reason: "stop",
    message: { role: "assistant", content },
    ...(body.logprobs ? { logprobs: { content: [labelled(random)] } } : {}),
  }));
  const completion = { id: "r", object: "chat.completion", created: 0, model: "m", choices, usage };
  return { id: "r", custom_id, response: { status_code: 200, body: completion }, error: null };
}

function replyOf(line: string): ChatReply {
  const { custom_id, response } = BatchOutputLine.parse(JSON.parse(line));
  return { outcome: "completed", custom_id, completion: ChatCompletion.parse(response!.body) };
}

function textsFor(body: ChatRequest["body"], random: () => number): string[] {
  if (body.logprobs) return ["Yes"];
  const format = body.response_format?.json_schema.name;
  if (format === undefined) return Array.from({ length: body.n ?? 1 }, () => answer(random));
  const content = body.messages.at(-1)!.content as string;
  if (format === "claims") return [JSON.stringify({ claims: content.match(/Thing \d+ stands[^.]+\./g) ?? [] })];
  const statements = content.match(/Thing \d+ stands[^.]+\./g) ?? [];
  return [JSON.stringify({ questions: statements.map((statement) => `Is it true that ${statement.slice(0, -1)}?`) })];
}

/** Ten sentences of about 75 characters, half of them said by the other answers too. */
function answer(random: () => number): string {
  const things = CLAIMS / DISTINCT;
  return Array.from({ length: CLAIMS }, (_, at) => {
    const thing = random() < DISTINCT ? at : at + things * Math.floor(1 + random() * 1e6);
    return `Thing ${thing} stands on the left of the table beside the window, in bright light.`;
  }).join(" ");
}

function labelled(random: () => number) {
  const [likely, unlikely] = random() < 0.3 ? ["No", "Yes"] : ["Yes", "No"];
  const others = Array.from({ length: LOGPROBS - 2 }, (_, at) => ({ token: ` other${at}`, logprob: -8 - at / 3 }));
  const top_logprobs = [{ token: likely!, logprob: -0.16 }, { token: unlikely!, logprob: -2.3 }, ...others];
  return { ...top_logprobs[0]!, top_logprobs };
}

/** Heap and time of `pair` for a round of this many samples; content is read as its file has it. */
export function pairInMemory(scored: readonly Scored[]): {
  samples: number;
  bytes: number;
  heapBytes: number;
  ms: number;
  pairs: number;
} {
  const text = scored.map((sample) => JSON.stringify(sample));
  const bytes = text.reduce((sum, line) => sum + line.length, 0);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const read = text.map((line) => JSON.parse(line) as Scored);
  globalThis.gc?.();
  const heapBytes = process.memoryUsage().heapUsed - before;
  const began = performance.now();
  const { pairs } = pairRound(read, config, 1);
  return { samples: scored.length, bytes, heapBytes, ms: performance.now() - began, pairs: pairs.length };
}

/** The real `plan` on stores in memory: its time, and the heap of the samples it deals, per sample. */
export async function planInMemory(samples: number): Promise<{ ms: number; heapBytes: number }> {
  const [store, blobs] = [memoryStateStore(), memoryBlobStore()];
  await writeJson(blobs, configKey("r"), { ...config, shardSamples: 1000 });
  const { bytes } = encodeLines(
    "x",
    Array.from({ length: samples }, (_, at) => submitted(at)),
  );
  await blobs.write(samplesKey("r", "data"), bytes);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const held = linesOf(bytes).map((line) => Submitted.parse(line));
  globalThis.gc?.();
  const heapBytes = (process.memoryUsage().heapUsed - before) / held.length;
  const began = performance.now();
  await plan({ runId: "r", round: 1, passId: "1.train", stage: "generate" }, { store, blobs, emit: () => undefined });
  return { ms: (performance.now() - began) / samples, heapBytes };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const SAMPLES = 1000;
  replay(200); // warm
  const { stages, scored } = replay(SAMPLES);
  const per = (figure: number) => (figure / SAMPLES).toFixed(2).padStart(8);
  console.log(
    `a shard of ${SAMPLES} samples, per sample:  requests   ask ms  absorb ms   batch kB  reply kB  shard kB`,
  );
  for (const { stage, requests, askMs, absorbMs, batchBytes, replyBytes, shardBytes } of stages)
    console.log(
      `  ${stage.padEnd(33)} ${[requests, askMs, absorbMs, batchBytes / 1000, replyBytes / 1000, shardBytes / 1000].map(per).join("  ")}`,
    );
  const memory = pairInMemory(scored);
  console.log(
    `pair, per sample: ${per(memory.bytes / 1000)} kB in the file, ${per(memory.heapBytes / 1000)} kB of heap, ${per(memory.ms)} ms, ${per(memory.pairs)} pairs`,
  );
  const planned = await planInMemory(50_000);
  console.log(
    `plan, per sample: ${planned.ms.toFixed(3)} ms beside the table, ${(planned.heapBytes / 1000).toFixed(2)} kB of heap`,
  );
  console.log(`peak memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MB, with all files of the shard in it`);
}
