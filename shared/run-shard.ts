/** The one runner of all model stages: reads a shard, asks, absorbs, writes, moves its samples. Safe to repeat at any point. */
import { type Answers, answer, type BoundModel } from "./answer.ts";
import { addUsage } from "./budget/cost.ts";
import { encodeLines, readLines } from "./jsonl.ts";
import { shardKey } from "./keys.ts";
import { modelStage, STAGE_ORDER } from "./pipeline.ts";
import type { BlobStore } from "./ports/blob-store.ts";
import type { Clock } from "./ports/clock.ts";
import type { ReplyCache, SampleStore } from "./ports/state-store.ts";
import type { ChatReply, ChatRequest, Target, Usage } from "./schemas/chat.ts";
import type { PassId, Pointer, SampleMove, StageName } from "./schemas/rows.ts";
import type { Submitted } from "./schemas/sample.ts";
import type { ModelStage, StageContext, StageResult } from "./stages/stage.ts";
import { addLosses, type Losses } from "./states/losses.ts";

export type ShardJob = { runId: string; passId: PassId; stage: StageName; shardId: string };

export type ShardResult =
  | {
      outcome: "done";
      samples: number;
      parked: number;
      requests: number;
      cachedReplies: number;
      usage: Map<Target, Usage>;
      losses: Losses;
      seconds: number;
    }
  /** Too many requests failed in a way that may pass: nothing was moved, the replies that came are cached. */
  | {
      outcome: "try_again";
      failed: number;
      requests: number;
      seconds: number;
      usage: Map<Target, Usage>;
      message: string;
    };

export type ShardDeps = {
  context: StageContext;
  models: (target: Target) => BoundModel;
  samples: Pick<SampleStore, "move" | "query">;
  cache: ReplyCache;
  blobs: Pick<BlobStore, "stream" | "write">;
  clock: Clock;
  signal: AbortSignal;
  onReplies: (count: number, cached: number) => void;
};

/** How often `absorb` may ask for more before a stage is broken; two retries and one split are the most any stage wants. */
const MAX_WAVES = 4;

type Item = { sample: Submitted; replies: Map<string, ChatReply>; result: StageResult<Submitted> | undefined };

export async function runShard(job: ShardJob, deps: ShardDeps, lastAttempt: boolean): Promise<ShardResult> {
  const started = deps.clock.now();
  const stage = modelStage(job.stage);
  const items: Item[] = (await readShard(job, stage, deps)).map((sample) => ({
    sample,
    replies: new Map(),
    result: undefined,
  }));
  const total: Answers = { replies: new Map(), usage: new Map(), cached: 0 };
  let requests = items.flatMap((item) => stage.ask(item.sample, deps.context).map((request) => ({ item, request })));
  let asked = 0;
  for (let wave = 0; wave < MAX_WAVES; wave++) {
    asked += requests.length;
    const answers = await answer(
      requests.map(({ request }) => request),
      deps,
    );
    mergeAnswers(total, answers);
    for (const { item, request } of requests)
      item.replies.set(request.custom_id, mustHave(answers.replies, request.custom_id));
    const hopeful = [...answers.replies.values()].flatMap((reply) =>
      reply.outcome === "failed" && reply.failure.retryable ? [reply.failure] : [],
    );
    if (hopeful.length > 0 && !lastAttempt) {
      const message = `${hopeful.length} of ${requests.length} requests failed, the first with ${hopeful[0]?.code}: ${hopeful[0]?.message}`;
      return {
        outcome: "try_again",
        failed: hopeful.length,
        requests: asked,
        seconds: secondsSince(started, deps.clock),
        usage: total.usage,
        message,
      };
    }
    requests = absorbAll(items, stage, deps.context);
    if (requests.length === 0) break;
  }
  const losses = addLosses(...items.map(({ result }) => settledResult(result, job).losses), failedRequests(total));
  const { done, parked } = await writeShard(job, stage, items, deps);
  return {
    outcome: "done",
    samples: done,
    parked,
    requests: asked,
    cachedReplies: total.cached,
    usage: total.usage,
    losses,
    seconds: secondsSince(started, deps.clock),
  };
}

/** The samples of the shard that the stage before left in this stage's starting state. */
async function readShard(
  job: ShardJob,
  stage: ModelStage<Submitted, Submitted>,
  deps: ShardDeps,
): Promise<Submitted[]> {
  const position = STAGE_ORDER.indexOf(job.stage);
  const before = position === 0 ? "submitted" : (STAGE_ORDER[position - 1] as StageName);
  const samples: Submitted[] = [];
  for await (const record of readLines(deps.blobs, shardKey(job, before))) samples.push(stage.input.parse(record));
  return samples;
}

/** Absorbs every sample that has no result yet; gives back what they still want to ask. */
function absorbAll(items: readonly Item[], stage: ModelStage<Submitted, Submitted>, context: StageContext) {
  const wanted: { item: Item; request: ChatRequest }[] = [];
  for (const item of items) {
    if (item.result !== undefined && item.result.outcome !== "more") continue;
    item.result = stage.absorb(item.sample, item.replies, context);
    if (item.result.outcome === "more") wanted.push(...item.result.requests.map((request) => ({ item, request })));
  }
  return wanted;
}

/** Writes the shard file first, then moves the rows: a row never points at bytes that are not there. */
async function writeShard(
  job: ShardJob,
  stage: ModelStage<Submitted, Submitted>,
  items: readonly Item[],
  deps: ShardDeps,
) {
  const results = items.map((item) => ({ sampleId: item.sample.sampleId, result: settledResult(item.result, job) }));
  const done = results.flatMap(({ result }) => (result.outcome === "done" ? [result.sample] : []));
  const key = shardKey(job, job.stage);
  const { bytes, pointers } = encodeLines(key, done);
  await deps.blobs.write(key, bytes);
  const pointerOf = new Map(done.map((sample, index) => [sample.sampleId, pointers[index] as Pointer]));
  const attempts = await attemptsOf(job, deps);
  const moves = results.map(({ sampleId, result }): SampleMove => {
    const attempt = attempts.get(sampleId) ?? 0;
    if (result.outcome === "parked")
      return { sampleId, from: stage.from, attempt, to: "parked", reason: result.reason };
    return { sampleId, from: stage.from, attempt, to: stage.to, pointer: mustHave(pointerOf, sampleId) };
  });
  await deps.samples.move(job.runId, job.passId, moves);
  return { done: done.length, parked: results.length - done.length };
}

async function attemptsOf(job: ShardJob, deps: ShardDeps): Promise<Map<string, number>> {
  const page = await deps.samples.query({ runId: job.runId, passId: job.passId, shardId: job.shardId, limit: 10_000 });
  return new Map(page.items.map((row) => [row.sampleId, row.attempt]));
}

function settledResult(result: Item["result"], job: ShardJob): Exclude<StageResult<Submitted>, { outcome: "more" }> {
  if (result === undefined || result.outcome === "more") {
    throw new Error(`stage ${job.stage} still asks for more after ${MAX_WAVES} waves in shard ${job.shardId}`);
  }
  return result;
}

function failedRequests(answers: Answers): Losses {
  return { failed_request: [...answers.replies.values()].filter(({ outcome }) => outcome === "failed").length };
}

function mergeAnswers(total: Answers, part: Answers): void {
  for (const [id, reply] of part.replies) total.replies.set(id, reply);
  for (const [target, usage] of part.usage) total.usage.set(target, sumUsage(total.usage.get(target), usage));
  total.cached += part.cached;
}

function sumUsage(before: Usage | undefined, usage: Usage): Usage {
  return before === undefined ? usage : addUsage(before, usage);
}

function mustHave<K, V>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined) throw new Error(`no entry for ${String(key)}`);
  return value;
}

const secondsSince = (started: number, clock: Clock): number => (clock.now() - started) / 1000;
