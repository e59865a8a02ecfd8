/** Runs one shard of one stage, with its money, and reports to whoever waits with the token. */
import { z } from "zod";
import type { ImageSize } from "../../shared/budget/bound.ts";
import { addUsage, NO_USAGE } from "../../shared/budget/cost.ts";
import { readLines } from "../../shared/jsonl.ts";
import { configForPass, parsePassId } from "../../shared/passes.ts";
import { STAGE_ORDER } from "../../shared/pipeline.ts";
import { inputKey, runShard, type ShardJob, type ShardResult } from "../../shared/run-shard.ts";
import { DispatchInput, RUN_PAUSED, WORKER_RETRYABLE } from "../../shared/schemas/loop.ts";
import type { ShardRow } from "../../shared/schemas/rows.ts";
import { Submitted } from "../../shared/schemas/sample.ts";
import { addLosses, type Losses } from "../../shared/states/losses.ts";
import { bindModels } from "./bind.ts";
import { type Progress, reportWhenDone, type WorkerDeps, WorkerError } from "./deps.ts";
import { policyOfPass, readConfig } from "./files.ts";
import { type ShardBatches, shardBatches } from "./gpu/shard-batches.ts";
import { type Spent, shardMeter } from "./meter.ts";
import { createMissingRows } from "./sample-rows.ts";

const HasImage = z.object({ image: Submitted.shape.image });

/** From this attempt on (counted from 0) failed requests become losses instead of another try. Our choice: below the loop's five retries. */
const LAST_ATTEMPT = 3;

export async function dispatch(event: unknown, deps: WorkerDeps): Promise<{ accepted: true }> {
  const task = DispatchInput.parse(event);
  reportWhenDone(task.token, workShard(task, deps), deps);
  return { accepted: true };
}

/**
 * Does one shard as far as it goes without a GPU function's answer, and asks for that; called again when the answer is
 * there, it goes on from it. A shard that is done already is given back as it is.
 */
export async function workShard(task: DispatchInput, deps: WorkerDeps): Promise<Progress> {
  const { token, attempt, round: _round, ...job } = task;
  const row = await deps.store.shards.get(job);
  if (row === undefined) throw new Error(`shard ${job.shardId} of ${job.passId} was never planned`);
  if (row.state === "done") return progressOf(row);
  if (job.stage === STAGE_ORDER[0]) await createMissingRows(row, deps);
  const config = configForPass(await readConfig(deps.blobs, job.runId), job.passId);
  const checkpoint = await policyOfPass(deps.blobs, job.runId, job.passId);
  const { round } = parsePassId(job.passId);
  const { context, models, refs } = await bindModels({ config, round, checkpoint }, deps.bind);
  const work = { runId: job.runId, what: [job.passId, job.stage, job.shardId].join("/") };
  const meter = shardMeter(work, { refs, sizeOf: await imageSizes(job, deps) }, deps);
  const batches =
    deps.gpu &&
    shardBatches(
      { ...job, round, attempt, token, refs, checkpoint, mostAtOnce: config.maxConcurrentShards },
      { ...deps, gpu: deps.gpu },
    );
  try {
    const result = await runShard(job, {
      context,
      models,
      meter,
      ...(batches === undefined ? {} : { elsewhere: batches }),
      lastAttempt: attempt >= LAST_ATTEMPT,
      samples: deps.store.samples,
      cache: deps.store.replies,
      blobs: deps.blobs,
      clock: deps.clock,
      signal: deps.signal,
      onReplies: (completed, cached) =>
        deps.emit({ kind: "replies", passId: job.passId, stage: job.stage, completed, cached }),
    });
    const spent = await meter.end("answered");
    if (result.outcome === "try_again") throw new WorkerError(WORKER_RETRYABLE, result.message);
    if (result.outcome === "waiting") return await keepWaiting(row, spent, deps);
    return progressOf(await finishShard({ job, row, result, spent: await withBatches(spent, batches) }, deps));
  } catch (error) {
    const spent = await meter.end("cut");
    if (!deps.signal.aborted) await deps.store.shards.put(unfinishedRow(row, error, spent));
    throw error;
  }
}

const progressOf = ({ shardId, samples, parked }: ShardRow): Progress => ({
  outcome: "done",
  output: { shardId, samples, parked },
});

/** What models that answer here have cost so far stays with the shard. */
async function keepWaiting(row: ShardRow, spent: Spent, { store }: WorkerDeps): Promise<Progress> {
  const losses = addLosses(lossesSoFar(row), { cost_above_bound: spent.cappedMicros });
  await store.shards.put({ ...row, state: "running", usdMicros: row.usdMicros + spent.usdMicros, losses });
  return { outcome: "waiting" };
}

type SpentInAll = Spent & { gpuSeconds: number };

async function withBatches(spent: Spent, batches: ShardBatches | undefined): Promise<SpentInAll> {
  const { usdMicros, gpuSeconds } = (await batches?.spent()) ?? { usdMicros: 0, gpuSeconds: 0 };
  return { ...spent, usdMicros: spent.usdMicros + usdMicros, gpuSeconds };
}

/** Sizes of the shard's images, by the URL under which stages ask about them. */
async function imageSizes(job: ShardJob, { blobs }: WorkerDeps): Promise<(url: string) => ImageSize | undefined> {
  const sizes = new Map<string, ImageSize>();
  for await (const record of readLines(blobs, inputKey(job))) {
    const { sha256, width, height } = HasImage.parse(record).image;
    sizes.set(`blob:${sha256}`, { width, height });
  }
  return (url) => sizes.get(url);
}

type Finished = { job: ShardJob; row: ShardRow; result: Extract<ShardResult, { outcome: "done" }>; spent: SpentInAll };

async function finishShard({ job, row, result, spent }: Finished, deps: WorkerDeps): Promise<ShardRow> {
  const { error: _mended, ...known } = row;
  const done: ShardRow = {
    ...known,
    state: "done",
    attempt: row.attempt + 1,
    samples: result.samples + result.parked,
    parked: result.parked,
    requests: result.requests,
    cachedReplies: result.cachedReplies,
    usage: [...result.usage.values()].reduce(addUsage, row.usage ?? NO_USAGE), // a shard that was opened again counted before
    usdMicros: row.usdMicros + spent.usdMicros,
    seconds: row.seconds + result.seconds + spent.gpuSeconds,
    losses: addLosses(lossesSoFar(row), result.losses, { cost_above_bound: spent.cappedMicros }),
  };
  await deps.store.shards.put(done);
  deps.emit({
    kind: "shard",
    passId: job.passId,
    stage: job.stage,
    shardId: job.shardId,
    samples: result.samples,
    parked: result.parked,
    ...(done.usage === undefined ? {} : { usage: done.usage }),
    gpuSeconds: spent.gpuSeconds,
    losses: done.losses,
  });
  return done;
}

/** What the attempt has cost stays with the shard. Refused for want of money, it waits as if nobody had tried. */
function unfinishedRow(row: ShardRow, error: unknown, spent: Spent): ShardRow {
  const { error: _before, ...known } = row;
  const isRefused = error instanceof WorkerError && error.name === RUN_PAUSED;
  return {
    ...known,
    ...(isRefused
      ? { state: "planned" as const }
      : { state: "failed" as const, attempt: row.attempt + 1, error: messageOf(error) }),
    usdMicros: row.usdMicros + spent.usdMicros,
    losses: addLosses(lossesSoFar(row), { cost_above_bound: spent.cappedMicros }),
  };
}

/** Until a shard is done its row counts one loss only: money. */
const lossesSoFar = ({ losses }: ShardRow): Losses => ({ cost_above_bound: losses["cost_above_bound"] ?? 0 });

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
