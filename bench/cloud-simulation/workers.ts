/** `plan` and `pair` of a simulated round: one Lambda each, whose time and memory end somewhere. */
import { UNITS } from "./figures.ts";
import type { Parts } from "./parts.ts";

/** Measured with bench/cloud-replay.ts: a scored sample as JavaScript keeps it, and its pairing. 2026-11. */
const PAIR_KILOBYTES = 57;
const PAIR_MS = 1.5;
/** Dealing a sample, beside its writes; measured with bench/cloud-replay.ts, 2026-11. */
const PLAN_MS = 0.05;
const STAGES = 4;
/** Of a Lambda's memory, what is left for content. Our choice. */
const CONTENT_SHARE = 5 / 6;

/** Deals the samples of a round: one row each. */
export function planWorker({ queue, world, meters, config }: Parts, samples: number, then: () => void): void {
  const shards = Math.ceil(samples / config.shardSamples);
  const units = samples * UNITS.sampleCreated.value + shards * STAGES * UNITS.shardRow.value;
  const writing = Math.max(meters.writes(units), (samples * world.dynamoCall) / world.rowsAtOnce);
  const seconds = world.lambdaCall + (samples * PLAN_MS) / 1000 + shards * world.s3Call + writing;
  if (seconds > world.lambdaLimit)
    meters.breaks(`plan writes ${count(samples)} rows in ${count(seconds)} s; a Lambda has ${world.lambdaLimit} s`);
  for (let shard = 0; shard <= shards; shard++) meters.put((0.4 * samples) / (shards + 1));
  meters.lambda(seconds, world.dispatchGigabytes);
  queue.after(seconds + world.transition, then);
}

/** Reads all scored samples of the round into memory, and ends each. */
export function pairWorker({ queue, world, meters }: Parts, samples: number, then: () => void): void {
  const units = samples * UNITS.sampleMoved.value;
  const writing = Math.max(meters.writes(units), (samples * world.dynamoCall) / world.rowsAtOnce);
  const seconds = world.lambdaCall + (samples * (PAIR_MS + 43 / world.s3Rate)) / 1000 + writing;
  const kilobytes = samples * PAIR_KILOBYTES;
  if (kilobytes > world.pairGigabytes * 1e6 * CONTENT_SHARE)
    meters.breaks(
      `pair holds ${count(kilobytes / 1e6)} GB of ${count(samples)} samples; it has ${world.pairGigabytes.toFixed(0)} GB, a Lambda at most 10`,
    );
  if (seconds > world.lambdaLimit)
    meters.breaks(`pair takes ${count(seconds)} s for ${count(samples)} samples; a Lambda has ${world.lambdaLimit} s`);
  meters.put(samples * 3.2);
  meters.lambda(seconds, world.pairGigabytes);
  queue.after(seconds + world.transition, then);
}

const count = (figure: number): string => Math.round(figure).toLocaleString("en");
