/** One shard of one stage: reads its samples, walks them through the stage, writes the results, moves the rows. Safe to repeat. */
import type { AnswerDeps } from "./answer.ts";
import { encodeLines, readLines } from "./jsonl.ts";
import { shardKey } from "./keys.ts";
import { modelStage, STAGE_ORDER } from "./pipeline.ts";
import type { BlobStore } from "./ports/blob-store.ts";
import type { Clock } from "./ports/clock.ts";
import type { SampleStore } from "./ports/state-store.ts";
import { runStage, type Settled, type StageOutcome } from "./run-stage.ts";
import type { PassId, Pointer, SampleMove, StageName } from "./schemas/rows.ts";
import type { Submitted } from "./schemas/sample.ts";
import type { ModelStage, StageContext } from "./stages/stage.ts";

export type ShardJob = { runId: string; passId: PassId; stage: StageName; shardId: string };

type Done = Extract<StageOutcome<Submitted>, { outcome: "done" }>;
type TryAgain = Extract<StageOutcome<Submitted>, { outcome: "try_again" }>;
/** `samples` went on, `parked` did not. */
export type ShardResult = { seconds: number } & (
  | (Omit<Done, "results"> & { samples: number; parked: number })
  | TryAgain
  | { outcome: "waiting" }
);

export type ShardDeps = AnswerDeps & {
  context: StageContext;
  lastAttempt: boolean;
  samples: Pick<SampleStore, "move" | "query">;
  blobs: Pick<BlobStore, "stream" | "write">;
  clock: Clock;
};

/** Rows move only after the shard's file is written whole; a shard that is to be tried again moves nothing. */
export async function runShard(job: ShardJob, deps: ShardDeps): Promise<ShardResult> {
  const started = deps.clock.now();
  const seconds = () => (deps.clock.now() - started) / 1000;
  const stage = modelStage(job.stage);
  const samples: Submitted[] = [];
  for await (const record of readLines(deps.blobs, inputKey(job))) samples.push(stage.input.parse(record));
  const outcome = await runStage(stage, samples, deps);
  if (outcome.outcome !== "done") return { ...outcome, seconds: seconds() };
  const { results, ...rest } = outcome;
  await writeResults(job, stage, results, deps);
  const parked = results.filter(({ result }) => result.outcome === "parked").length;
  return { ...rest, samples: results.length - parked, parked, seconds: seconds() };
}

/** Where the stage before left the shard's samples; those it parked are not in it. */
export function inputKey(job: ShardJob): string {
  const position = STAGE_ORDER.indexOf(job.stage);
  return shardKey(job, STAGE_ORDER[position - 1] ?? "submitted");
}

/** The file first, then the rows: a row never points at bytes that are not there. */
async function writeResults(
  job: ShardJob,
  stage: ModelStage<Submitted, Submitted>,
  results: readonly Settled<Submitted>[],
  deps: ShardDeps,
): Promise<void> {
  const done = results.flatMap(({ result }) => (result.outcome === "done" ? [result.sample] : []));
  const key = shardKey(job, job.stage);
  const { bytes, pointers } = encodeLines(key, done);
  await deps.blobs.write(key, bytes);
  const pointerOf = new Map(done.map(({ sampleId }, index) => [sampleId, pointers[index] as Pointer]));
  const attempts = await attemptsOf(job, deps);
  const moves = results.map(({ sampleId, result }): SampleMove => {
    const from = { sampleId, from: stage.from, attempt: attempts.get(sampleId) ?? 0 };
    if (result.outcome === "parked") return { ...from, to: "parked", reason: result.reason };
    return { ...from, to: stage.to, pointer: pointerOf.get(sampleId)! };
  });
  await deps.samples.move(job.runId, job.passId, moves);
}

const ROWS_AT_ONCE = 1000; // the most samples a shard may have

async function attemptsOf({ runId, passId, shardId }: ShardJob, { samples }: ShardDeps): Promise<Map<string, number>> {
  const { items } = await samples.query({ runId, passId, shardId, limit: ROWS_AT_ONCE });
  return new Map(items.map((row) => [row.sampleId, row.attempt]));
}
