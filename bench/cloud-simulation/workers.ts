/** `plan` and `pair` of a simulated round: one Lambda each, whose time and memory end somewhere. */
import { UNITS } from "./figures.ts";
import type { Parts } from "./parts.ts";

/** What `pair` holds of a sample between its two readings, and what it needs beside that; measured with bench/pair-round.ts, 2026-11. */
const PAIR_KILOBYTES = 2.5;
const PAIR_BASE_GIGABYTES = 0.3;
/** Both readings of a sample. bench/pair-round.ts, 2026-11. */
const PAIR_MS = 1.5;
/** Scored samples read at once by their place (functions/workers/pair.ts). */
const READ_AT_ONCE = 64;
const SHARDS_AT_ONCE = 4;
/** Dealing a sample, beside its writes; measured with bench/cloud-replay.ts, 2026-11. */
const PLAN_MS = 0.05;
/** A pass of more leaves its rows to the first stage (functions/workers/plan.ts). */
const ROWS_BY_PLAN = 10_000;
const STAGES = 4;
/** Of a Lambda's memory, what is left for content. Our choice. */
const CONTENT_SHARE = 5 / 6;

/** Whether `dispatch` of the first stage creates the rows. */
export const rowsByShard = (samples: number): boolean => samples > ROWS_BY_PLAN;

/** Deals the samples of a round; one row each where the round is small. */
export function planWorker({ queue, world, meters, config }: Parts, samples: number, then: () => void): void {
  const shards = Math.ceil(samples / config.shardSamples);
  const rows = rowsByShard(samples) ? 0 : samples;
  const units = rows * UNITS.sampleCreated.value + shards * STAGES * UNITS.shardRow.value;
  const writing = Math.max(meters.writes(units), (rows * world.dynamoCall) / world.rowsAtOnce);
  const seconds = world.lambdaCall + (samples * PLAN_MS) / 1000 + shards * world.s3Call + writing;
  if (seconds > world.lambdaLimit)
    meters.breaks(`plan takes ${count(seconds)} s for ${count(samples)} samples; a Lambda has ${world.lambdaLimit} s`);
  for (let shard = 0; shard <= shards; shard++) meters.put((0.4 * samples) / (shards + 1));
  meters.lambda(seconds, world.dispatchGigabytes);
  queue.after(seconds + world.transition, then);
}

/** Reads all scored samples of the round twice, a few at a time, and ends each. */
export function pairWorker({ queue, world, meters }: Parts, samples: number, then: () => void): void {
  const units = samples * UNITS.sampleMoved.value;
  const writing = Math.max(meters.writes(units), (samples * world.dynamoCall) / world.rowsAtOnce);
  const reading = 43 / (world.s3Rate * SHARDS_AT_ONCE) + 43 / (world.s3Rate * READ_AT_ONCE);
  const seconds =
    world.lambdaCall + (samples * (PAIR_MS + reading)) / 1000 + (samples * world.s3Call) / READ_AT_ONCE + writing;
  const gigabytes = PAIR_BASE_GIGABYTES + (samples * PAIR_KILOBYTES) / 1e6;
  if (gigabytes > world.pairGigabytes * CONTENT_SHARE)
    meters.breaks(
      `pair holds ${count(gigabytes)} GB of ${count(samples)} samples; it has ${world.pairGigabytes.toFixed(0)} GB, a Lambda at most 10`,
    );
  if (seconds > world.lambdaLimit)
    meters.breaks(`pair takes ${count(seconds)} s for ${count(samples)} samples; a Lambda has ${world.lambdaLimit} s`);
  meters.put(samples * 15);
  meters.lambda(seconds, world.pairGigabytes);
  queue.after(seconds + world.transition, then);
}

const count = (figure: number): string => Math.round(figure).toLocaleString("en");
