/**
 * A round's pairing as the worker does it, on a folder: `node --expose-gc bench/pair-round.ts [SAMPLES] [--in-memory]`.
 * The samples are those of bench/cloud-replay.ts (ten answers of ten claims, 43 kB each). `--in-memory` holds the round
 * instead of reading it twice. Peak memory is of a process of its own.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { folderBlobStore } from "../functions/adapters/files/blob-store.ts";
import { memoryStateStore } from "../functions/adapters/memory/state-store.ts";
import { readConfig, readScored, writeJson } from "../functions/workers/files.ts";
import { pair } from "../functions/workers/pair.ts";
import { pairRound } from "../functions/workers/pair-round.ts";
import { contentHash } from "../shared/ids.ts";
import { configKey, pairsKey, shardKey } from "../shared/keys.ts";
import type { StateStore } from "../shared/ports/state-store.ts";
import { randomFrom, shuffled } from "../shared/random.ts";
import type { Scored } from "../shared/schemas/sample.ts";
import { config, replay } from "./cloud-replay.ts";

const [runId, passId, round] = ["pair", "1.train", 1];
const SHARD = 400;
/** Samples with content of their own; the others have it under other ids. */
const DISTINCT = 400;
const MEGABYTE = 2 ** 20;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { "in-memory": { type: "boolean" }, child: { type: "string" } },
});
const samples = Number(positionals[0] ?? 50_000);

async function parent(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "rlaifv-bench-pair-"));
  try {
    const bytes = await writeRound(folder);
    const own = fileURLToPath(import.meta.url);
    const mode = values["in-memory"] ? ["--in-memory"] : [];
    const args = ["--max-old-space-size=16000", own, String(samples), ...mode, "--child", folder];
    const { stdout, status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    const { megabytes, seconds, cpuSeconds, pairs, hash, idleMegabytes } = JSON.parse(stdout);
    console.log(
      `${samples} samples, ${(bytes / 1e9).toFixed(2)} GB ${values["in-memory"] ? "in memory" : "read twice"}: ${pairs} pairs (${hash})`,
      `in ${seconds.toFixed(1)} s, ${((1000 * cpuSeconds) / samples).toFixed(2)} ms of CPU a sample; at most ${Math.round(megabytes)} MB,`,
      `${Math.round(((megabytes - idleMegabytes) * MEGABYTE) / samples)} bytes a sample above the ${Math.round(idleMegabytes)} MB before`,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeRound(folder: string): Promise<number> {
  const blobs = await folderBlobStore(folder);
  await writeJson(blobs, configKey(runId), config);
  const { scored } = replay(DISTINCT);
  const order = shuffled([...Array(samples).keys()], randomFrom(1));
  let bytes = 0;
  for (let first = 0; first < samples; first += SHARD) {
    const key = shardKey({ runId, passId, shardId: shardIdOf(first) }, "score");
    const lines = order.slice(first, first + SHARD).map((at) => lineOf(scored[at % DISTINCT]!, at));
    bytes += (await blobs.write(key, lines.join(""))).bytes;
  }
  return bytes;
}

const shardIdOf = (first: number): string => String(first / SHARD).padStart(5, "0");

function lineOf(sample: Scored, at: number): string {
  return `${JSON.stringify({ ...sample, sampleId: `smp_${contentHash(at)}` })}\n`;
}

async function child(folder: string) {
  const blobs = await folderBlobStore(folder);
  const store = memoryStateStore();
  const counters = { attempt: 1, parked: 0, requests: 0, cachedReplies: 0, usdMicros: 0, seconds: 0, losses: {} };
  for (let first = 0; first < samples; first += SHARD) {
    const shard = { runId, passId, stage: "score" as const, shardId: shardIdOf(first) };
    const held = Math.min(SHARD, samples - first);
    await store.shards.createMany([{ ...shard, state: "done", samples: held, ...counters }]);
  }
  globalThis.gc?.();
  const idleMegabytes = process.memoryUsage().rss / MEGABYTE;
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const made = values["in-memory"] ? await inMemory() : await pair({ runId, round, passId }, deps());
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const megabytes = process.resourceUsage().maxRSS / 1024;
  return {
    seconds,
    cpuSeconds: (user + system) / 1e6,
    megabytes,
    idleMegabytes,
    pairs: made.pairs,
    hash: await hashOf(join(folder, pairsKey(runId, round))),
  };

  /** Rows are the table's: here they are let go. */
  function deps() {
    const move: StateStore["samples"]["move"] = async (_run, _pass, moves) =>
      moves.map(({ sampleId }) => ({ sampleId, outcome: "moved" as const }));
    return { store: { ...store, samples: { ...store.samples, move } }, blobs, emit: () => undefined };
  }

  async function inMemory() {
    const { pairs } = pairRound(
      await readScored({ store, blobs }, runId, passId),
      await readConfig(blobs, runId),
      round,
    );
    await blobs.write(pairsKey(runId, round), lines(pairs)); // in one string 36,000 samples would be too many
    return { pairs: pairs.length };
  }
}

async function* lines(pairs: readonly unknown[]) {
  for (const one of pairs) yield `${JSON.stringify(one)}\n`;
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest("hex").slice(0, 12);
}

if (values.child === undefined) await parent();
else console.log(JSON.stringify(await child(values.child)));
