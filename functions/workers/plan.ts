/** Deals a pass's samples to shards, and lists the shards a stage still has to do. */
import { encodeLines, readLines } from "../../shared/jsonl.ts";
import { type DataPart, samplesKey, shardKey, shardListKey } from "../../shared/keys.ts";
import { type Pass, parsePassId } from "../../shared/passes.ts";
import { STAGE_ORDER } from "../../shared/pipeline.ts";
import { randomFrom, seedFor, shuffled } from "../../shared/random.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import { PlanInput, type PlanResult } from "../../shared/schemas/loop.ts";
import type { PassId, ShardRow, StageName } from "../../shared/schemas/rows.ts";
import { Submitted } from "../../shared/schemas/sample.ts";
import type { WorkerDeps } from "./deps.ts";
import { readConfig } from "./files.ts";
import { refuseUnpaid } from "./money.ts";
import { submittedRow } from "./sample-rows.ts";

type PlanDeps = Pick<WorkerDeps, "store" | "blobs" | "emit">;

export async function plan(event: unknown, deps: PlanDeps): Promise<PlanResult> {
  const { runId, passId, stage } = PlanInput.parse(event);
  let shards = await deps.store.shards.list({ runId, passId, stage });
  if (shards.length === 0 && stage === STAGE_ORDER[0]) {
    await createPass(runId, passId, deps);
    shards = await deps.store.shards.list({ runId, passId, stage });
  }
  const ready = await finishedBefore({ runId, passId, stage }, deps);
  const open = shards.filter(({ state, shardId }) => state !== "done" && (ready === "all" || ready.has(shardId)));
  const manifestKey = shardListKey(runId, passId, stage);
  await deps.blobs.write(manifestKey, open.map(({ shardId }) => `${JSON.stringify({ shardId })}\n`).join(""));
  deps.emit({
    kind: "stage",
    passId,
    stage,
    shards: open.length,
    samples: open.reduce((sum, { samples }) => sum + samples, 0),
  });
  return { manifestKey, shards: open.length };
}

/**
 * The shards that the stage before has finished. One that failed is left out, within the tolerance of the run; one that was
 * refused for want of money pauses the run.
 */
async function finishedBefore(
  { runId, passId, stage }: Stage,
  { store }: Pick<PlanDeps, "store">,
): Promise<"all" | Set<string>> {
  const before = STAGE_ORDER[STAGE_ORDER.indexOf(stage) - 1];
  if (before === undefined) return "all";
  const shards = await store.shards.list({ runId, passId, stage: before });
  refuseUnpaid(shards);
  return new Set(shards.filter(({ state }) => state === "done").map(({ shardId }) => shardId));
}

type Stage = { runId: string; passId: PassId; stage: StageName };

/** What one pass takes of its part of the data, in order: a round's own share, or all of the split that is evaluated. Pure. */
export function samplesOfPass<T>(samples: readonly T[], passId: PassId, config: RunConfig): T[] {
  const { round, purpose } = parsePassId(passId);
  if (purpose !== "train" || config.roundData === "all") return [...samples];
  const order = shuffled(samples, randomFrom(seedFor(config.seed, "rounds")));
  const start = Math.floor((order.length * (round - 1)) / config.rounds);
  return order.slice(start, Math.floor((order.length * round) / config.rounds));
}

const PART_OF: Record<Pass["purpose"], DataPart> = {
  train: "data",
  select: "selection",
  evaluate: "evaluation",
  greedy: "evaluation",
  control: "evaluation",
};

/**
 * Passes up to this size have all their rows from the start; the rows of a larger one come with its shards' first stage, where
 * many workers share the writing. Our choice: five seconds of a new DynamoDB table.
 */
const ROWS_BY_PLAN = 10_000;

/** Content first, then the samples' rows, the shards' rows last: a pass whose shards are known is complete. */
async function createPass(runId: string, passId: PassId, { store, blobs }: PlanDeps): Promise<void> {
  const config = await readConfig(blobs, runId);
  const lines = await linesOfPass({ runId, passId, config }, blobs);
  const shardRows: ShardRow[] = [];
  for (let first = 0; first < lines.length; first += config.shardSamples) {
    const shard = { runId, passId, shardId: String(shardRows.length / STAGE_ORDER.length).padStart(5, "0") };
    const dealt = lines.slice(first, first + config.shardSamples).map((line) => Submitted.parse(JSON.parse(line)));
    const key = shardKey(shard, "submitted");
    const { bytes, pointers } = encodeLines(key, dealt);
    await blobs.write(key, bytes);
    if (lines.length <= ROWS_BY_PLAN)
      await store.samples.createMany(
        dealt.map(({ sampleId }, at) => submittedRow(shard, { sampleId, pointer: pointers[at]! })),
      );
    shardRows.push(...STAGE_ORDER.map((stage) => shardRow({ ...shard, stage }, dealt.length)));
  }
  await store.shards.createMany(shardRows);
}

/**
 * Reads the data twice: it may be larger than memory, and a round's share of it is known when it is counted. Held are a number
 * for every sample and the lines of the share.
 */
async function linesOfPass(
  { runId, passId, config }: { runId: string; passId: PassId; config: RunConfig },
  blobs: PlanDeps["blobs"],
): Promise<string[]> {
  const key = samplesKey(runId, PART_OF[parsePassId(passId).purpose]);
  let count = 0;
  for await (const _ of readLines(blobs, key)) count++;
  const share = samplesOfPass([...Array(count).keys()], passId, config);
  const placeOf = new Int32Array(count).fill(-1);
  for (const [place, at] of share.entries()) placeOf[at] = place;
  const lines = new Array<string>(share.length);
  let at = 0;
  for await (const record of readLines(blobs, key)) {
    const place = placeOf[at++]!;
    if (place >= 0) lines[place] = JSON.stringify(record);
  }
  return lines;
}

function shardRow(
  shard: { runId: string; passId: PassId; shardId: string; stage: StageName },
  samples: number,
): ShardRow {
  const counters = { parked: 0, requests: 0, cachedReplies: 0, usdMicros: 0, seconds: 0, losses: {} };
  return { ...shard, state: "planned", attempt: 0, samples, ...counters };
}
