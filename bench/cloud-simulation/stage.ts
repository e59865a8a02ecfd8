/** One stage of one pass: a distributed map over shards, each asking its models in waves. */
import { STAGE_ORDER } from "../../shared/pipeline.ts";
import type { StageName } from "../../shared/schemas/rows.ts";
import { gaussian, howMany } from "./chance.ts";
import { STAGE_FIGURES, UNITS } from "./figures.ts";
import type { Pool } from "./modal.ts";
import type { Parts } from "./parts.ts";
import { rowsByShard } from "./workers.ts";

const MAX_WAVES = 4; // shared/run-stage.ts

/** `drainSeconds`: of a batch that fills the engine, spent while it is not full. */
type Work = { pool: Pool; secondsPerSample: number; drainSeconds: number; requestsPerSample: number };
export type StageWork = {
  stage: StageName;
  samples: number;
  works: readonly Work[];
  childTransitions: number;
};

/** `then` is told the seconds each model's containers really computed. */
export function runStage(parts: Parts, work: StageWork, then: (busySeconds: number[]) => void): void {
  const { queue, world, meters, config } = parts;
  const shards = Math.ceil(work.samples / config.shardSamples);
  const busy = work.works.map(() => 0);
  let begun = 0;
  let ended = 0;
  let nextAt = queue.now() + world.mapStart;

  /** Children begin no faster than AWS lets them, and no more than the run wants at once. */
  function begin(): void {
    if (begun === shards) return;
    const samples = Math.min(config.shardSamples, work.samples - begun * config.shardSamples);
    begun++;
    const at = Math.max(queue.now(), nextAt);
    nextAt = at + 1 / world.childrenPerSecond;
    queue.after(at - queue.now(), () => {
      meters.began();
      meters.add("transitions", work.childTransitions);
      oneShard(parts, work, { samples, busy, ended: end });
    });
  }

  function end(): void {
    ended++;
    if (ended === shards) queue.after(world.transition, () => then(busy));
    else begin();
  }

  for (let at = 0; at < Math.min(shards, config.maxConcurrentShards); at++) begin();
  if (shards === 0) queue.after(world.transition, () => then(busy));
}

type Shard = { samples: number; busy: number[]; ended: () => void };

/** dispatch → a call of each model → callback or sweep → collect → the next wave, or the end. */
function oneShard(parts: Parts, work: StageWork, shard: Shard): void {
  const { queue } = parts;
  const { stage } = work;

  function wave(number: number, asking: number): void {
    const dispatching = dispatchWorker(parts, stage, asking);
    let open = work.works.length;
    let last = 0;
    queue.after(dispatching, () => {
      for (const [which, one] of work.works.entries())
        callModel(parts, { stage, samples: asking, ...one }, (busySeconds, heardAfter) => {
          shard.busy[which]! += busySeconds;
          last = Math.max(last, queue.now() + heardAfter);
          open--;
          if (open === 0) queue.after(last - queue.now(), () => collect(number, asking));
        });
    });
  }

  function collect(number: number, asked: number): void {
    const again = number < MAX_WAVES ? howMany(asked, STAGE_FIGURES.again[stage].value, parts.random) : 0;
    const seconds = collectWorker(parts, { stage, asked, rows: again > 0 ? 0 : shard.samples });
    if (again > 0) queue.after(seconds, () => wave(number + 1, again));
    else queue.after(seconds, shard.ended);
  }

  const creating = stage === STAGE_ORDER[0] && rowsByShard(work.samples) ? createRows(parts, shard.samples) : 0;
  queue.after(creating, () => wave(1, shard.samples));
}

/** Seconds until the rows of a large pass's shard are there, written by its first stage. */
function createRows({ world, meters }: Parts, samples: number): number {
  const writing = meters.writes(samples * UNITS.sampleCreated.value);
  const seconds = Math.max(writing, (samples * world.dynamoCall) / world.rowsAtOnce);
  meters.add("lambdaGigabyteSeconds", seconds * world.dispatchGigabytes);
  return seconds;
}

/** Seconds of `dispatch`: reads the shard, writes the batch and the call's row, reserves money. */
function dispatchWorker({ world, meters }: Parts, stage: StageName, samples: number): number {
  const kilobytes = samples * STAGE_FIGURES.kilobytes[stage].value;
  const files = 3 * world.s3Call + kilobytes / 2 / (1000 * world.s3Rate);
  const seconds = world.lambdaCall + (samples * STAGE_FIGURES.ask[stage].value) / 1000 + files + world.spawn;
  if (seconds > world.lambdaLimit) meters.breaks(`dispatch takes ${Math.round(seconds)} s`);
  meters.lambda(seconds, world.dispatchGigabytes);
  meters.writes(UNITS.call.value + UNITS.reserved.value + 1); // the provider's id, once it is known
  meters.add("dynamoReads", 2 * UNITS.rowRead.value);
  meters.add("s3Reads", 3); // config, shard, and whether the batch is answered already
  meters.put(kilobytes / 3);
  return seconds;
}

type CallWork = Work & { stage: StageName; samples: number };

/** `then` hears how long the containers computed, and how long after the end collect is told. */
function callModel(
  parts: Parts,
  { stage, samples, pool, ...work }: CallWork,
  then: (busySeconds: number, heardAfter: number) => void,
): void {
  const { queue, world, meters, random } = parts;
  const differs = 1 + (world.sampleSpread / Math.sqrt(samples)) * gaussian(random);
  meters.called();
  pool.submit({
    workSeconds: samples * work.secondsPerSample * Math.max(0.1, differs),
    overhead: world.batchStart + work.drainSeconds * Math.min(1, (samples * work.requestsPerSample) / world.sequences),
    done({ seconds, busySeconds }) {
      const isLost = random() < world.lostCallbacks;
      countCall(parts, { stage, samples, reports: 1 + Math.floor(seconds / world.heartbeat) + (isLost ? 0 : 1) });
      if (isLost) meters.lost();
      const untilSweep = world.sweepEvery - (queue.now() % world.sweepEvery);
      then(busySeconds, isLost ? untilSweep + world.lambdaCall : world.callback);
    },
  });
}

/** What a call leaves behind: reports, images read, its output. */
function countCall({ world, meters }: Parts, call: { stage: StageName; samples: number; reports: number }): void {
  const { stage, samples, reports } = call;
  for (let report = 0; report < reports; report++) meters.lambda(world.lambdaCall, world.callbackGigabytes);
  meters.writes(reports * UNITS.report.value);
  meters.add("dynamoReads", reports * UNITS.rowRead.value);
  const images = stage === "generate" || stage === "score" ? samples : 0;
  meters.add("s3Reads", 1 + images);
  const input = (samples * STAGE_FIGURES.kilobytes[stage].value) / 3 / 1e6;
  meters.add("outsideGigabytes", world.imageGigabytes > 0 ? input + images * world.imageGigabytes : 0);
  meters.put((samples * STAGE_FIGURES.kilobytes[stage].value) / 3);
}

/** Seconds of `collect`: replays the stage; at its end it writes the shard's file and moves `rows` samples. */
function collectWorker(
  { world, meters }: Parts,
  { stage, asked, rows }: { stage: StageName; asked: number; rows: number },
): number {
  const kilobytes = Math.max(asked, rows) * STAGE_FIGURES.kilobytes[stage].value;
  const replaying = (Math.max(asked, rows) * STAGE_FIGURES.absorb[stage].value) / 1000;
  const files = 3 * world.s3Call + kilobytes / (1000 * world.s3Rate);
  const units =
    UNITS.settled.value + UNITS.call.value + rows * UNITS.sampleMoved.value + (rows > 0 ? UNITS.shardRow.value : 0);
  const moving = Math.max(meters.writes(units), (rows * world.dynamoCall) / world.rowsAtOnce);
  const seconds = world.lambdaCall + replaying + files + moving;
  if (seconds > world.lambdaLimit) meters.breaks(`collect takes ${Math.round(seconds)} s`);
  meters.lambda(seconds, world.collectGigabytes);
  meters.add("dynamoReads", 3 * UNITS.rowRead.value + rows * UNITS.sampleRead.value);
  meters.add("s3Reads", 3);
  if (rows > 0) meters.put(kilobytes / 3);
  return seconds;
}
