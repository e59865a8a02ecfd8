/** A run's small JSON files, read and written through their schemas. */
import type { z } from "zod";
import { readLines } from "../../shared/jsonl.ts";
import { configKey, controlTrainingKey, pairsKey, selectionKey, shardKey, trainingKey } from "../../shared/keys.ts";
import { parsePassId } from "../../shared/passes.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import { RunConfig } from "../../shared/schemas/config.ts";
import { Pair } from "../../shared/schemas/pair.ts";
import { RoundSelection, Training } from "../../shared/schemas/rounds.ts";
import type { Checkpoint, PassId } from "../../shared/schemas/rows.ts";
import { Scored } from "../../shared/schemas/sample.ts";
import type { WorkerDeps } from "./deps.ts";

/** The file's value, or `undefined` where there is no file. A file that does not fit its schema is an exception. */
export async function readJson<T>(
  blobs: Pick<BlobStore, "read">,
  key: string,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  const bytes = await blobs.read(key);
  return bytes === undefined ? undefined : schema.parse(JSON.parse(new TextDecoder().decode(bytes)));
}

export async function writeJson(blobs: Pick<BlobStore, "write">, key: string, value: unknown): Promise<void> {
  await blobs.write(key, `${JSON.stringify(value, null, 2)}\n`);
}

export async function readConfig(blobs: Pick<BlobStore, "read">, runId: string): Promise<RunConfig> {
  const config = await readJson(blobs, configKey(runId), RunConfig);
  if (config === undefined) throw new Error(`there is no run ${runId} here: ${configKey(runId)} is missing`);
  return config;
}

export async function readPairs(blobs: Pick<BlobStore, "stream">, runId: string, round: number): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for await (const record of readLines(blobs, pairsKey(runId, round))) pairs.push(Pair.parse(record));
  return pairs;
}

/** The checkpoint promoted last in rounds up to `round`; `undefined` while that is the base model. */
export async function promotedUpTo(
  blobs: Pick<BlobStore, "read">,
  runId: string,
  round: number,
): Promise<Checkpoint | undefined> {
  for (let earlier = round; earlier >= 1; earlier--) {
    const selection = await readJson(blobs, selectionKey(runId, earlier), RoundSelection);
    if (selection?.checkpoint) return selection.checkpoint;
  }
  return undefined;
}

/** The policy that answers in a pass: before a round's training the last promoted one, in a comparison its candidate. */
export async function policyOfPass(
  blobs: Pick<BlobStore, "read">,
  runId: string,
  passId: PassId,
): Promise<Checkpoint | undefined> {
  const { round, purpose, step } = parsePassId(passId);
  if (purpose === "train") return promotedUpTo(blobs, runId, round - 1);
  if (purpose === "evaluate" || purpose === "greedy") return promotedUpTo(blobs, runId, round);
  if (round === 0) return undefined;
  const key = purpose === "control" ? controlTrainingKey(runId) : trainingKey(runId, round);
  const training = await readJson(blobs, key, Training);
  const made = training?.outcome === "trained" ? training.checkpoints : [];
  const checkpoint = purpose === "control" ? made.at(-1) : made.find((one) => one.step === step);
  if (checkpoint === undefined)
    throw new Error(`pass ${passId} compares a checkpoint that round ${round} did not make`);
  return checkpoint;
}

/** The files with a pass's scored samples, in shard order; none until nothing of the pass is left to do. Failed shards are left out. */
export async function scoredKeys(
  { store }: { store: Pick<WorkerDeps["store"], "shards"> },
  runId: string,
  passId: PassId,
): Promise<string[]> {
  const shards = await store.shards.list({ runId, passId, stage: "score" });
  if (shards.some(({ state }) => state === "planned" || state === "running")) return [];
  return shards
    .filter(({ state }) => state === "done")
    .map(({ shardId }) => shardKey({ runId, passId, shardId }, "score"));
}

/** Every sample of these files, one at a time. */
export async function* eachScored(
  { blobs }: Pick<WorkerDeps, "blobs">,
  keys: readonly string[],
): AsyncGenerator<Scored> {
  for (const key of keys) for await (const record of readLines(blobs, key)) yield Scored.parse(record);
}

/** All of a pass's scored samples at once, about 60 kB each: for a split that is evaluated, not for a round (docs/scale.md). */
export async function readScored(
  deps: { store: Pick<WorkerDeps["store"], "shards">; blobs: WorkerDeps["blobs"] },
  runId: string,
  passId: PassId,
): Promise<Scored[]> {
  return allScored(deps, await scoredKeys(deps, runId, passId));
}

export async function allScored(deps: Pick<WorkerDeps, "blobs">, keys: readonly string[]): Promise<Scored[]> {
  const samples: Scored[] = [];
  for await (const sample of eachScored(deps, keys)) samples.push(sample);
  return samples;
}
