/** Runs one shard of one stage: reserves its money, runs it, settles, reports to whoever waits with the token. */
import type { Answers } from "../../shared/answer.ts";
import { addUsage, costMicros, NO_USAGE, tokenBound } from "../../shared/budget/cost.ts";
import { COMPUTE_PRICES, toMicros } from "../../shared/budget/prices.ts";
import { readLines } from "../../shared/jsonl.ts";
import { configForPass, parsePassId } from "../../shared/passes.ts";
import { modelStage } from "../../shared/pipeline.ts";
import { inputKey, runShard, type ShardJob, type ShardResult } from "../../shared/run-shard.ts";
import type { ChatRequest, Target } from "../../shared/schemas/chat.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";
import { DispatchInput, WORKER_RETRYABLE } from "../../shared/schemas/loop.ts";
import type { ShardRow } from "../../shared/schemas/rows.ts";
import type { StageContext } from "../../shared/stages/stage.ts";
import { bindModels } from "./bind.ts";
import { reportWhenDone, type WorkerDeps, WorkerError } from "./deps.ts";
import { policyOfPass, readConfig } from "./files.ts";
import { EMBEDDED_SECONDS_BOUND, reserve, tellMoney } from "./money.ts";

/** From this attempt on (counted from 0) failed requests become losses instead of another try. Our choice: below the loop's five retries. */
const LAST_ATTEMPT = 3;
/** Retries and follow-up questions may ask once more for everything; the bound covers both. */
const WAVES_BOUND = 2;

export async function dispatch(event: unknown, deps: WorkerDeps): Promise<{ accepted: true }> {
  const { token, attempt, round: _round, ...job } = DispatchInput.parse(event);
  const done = workShard(job, attempt, deps).then(({ shardId, samples, parked }) => ({ shardId, samples, parked }));
  reportWhenDone(token, done, deps);
  return { accepted: true };
}

/** Does one shard; a shard that is done already is given back as it is. */
export async function workShard(job: ShardJob, attempt: number, deps: WorkerDeps): Promise<ShardRow> {
  const row = await deps.store.shards.get(job);
  if (row === undefined) throw new Error(`shard ${job.shardId} of ${job.passId} was never planned`);
  if (row.state === "done") return row;
  const config = configForPass(await readConfig(deps.blobs, job.runId), job.passId);
  const checkpoint = await policyOfPass(deps.blobs, job.runId, job.passId);
  const { round } = parsePassId(job.passId);
  const { context, models, refs } = await bindModels({ config, round, checkpoint }, deps.bind);
  const what = [job.passId, job.stage, job.shardId].join("/");
  const reservation = await reserve({ runId: job.runId, what }, await boundMicros(job, context, refs, deps), deps);
  try {
    const result = await runShard(job, {
      context,
      models,
      lastAttempt: attempt >= LAST_ATTEMPT,
      samples: deps.store.samples,
      cache: deps.store.replies,
      blobs: deps.blobs,
      clock: deps.clock,
      signal: deps.signal,
      onReplies: (completed, cached) =>
        deps.emit({ kind: "replies", passId: job.passId, stage: job.stage, completed, cached }),
    });
    return await finishShard({ job, row, refs, result, reservation }, deps);
  } catch (error) {
    const failed = { ...row, state: "failed" as const, attempt: row.attempt + 1, error: messageOf(error) };
    if (!deps.signal.aborted) await deps.store.shards.put(failed);
    throw error;
  } finally {
    await deps.store.ledger.release(reservation.id); // does nothing once settled
  }
}

type Finished = {
  job: ShardJob;
  row: ShardRow;
  refs: (target: Target) => ModelRef;
  result: ShardResult;
  reservation: { id: string; account: string };
};

async function finishShard({ job, row, refs, result, reservation }: Finished, deps: WorkerDeps): Promise<ShardRow> {
  const micros = spentMicros(result, refs);
  await deps.store.ledger.settle(reservation.id, [{ account: reservation.account, amount: micros }]);
  await tellMoney(job.runId, deps);
  if (result.outcome === "try_again") throw new WorkerError(WORKER_RETRYABLE, result.message);
  const { error: _mended, ...known } = row;
  const done: ShardRow = {
    ...known,
    state: "done",
    attempt: row.attempt + 1,
    samples: result.samples + result.parked,
    parked: result.parked,
    requests: result.requests,
    cachedReplies: result.cachedReplies,
    usage: [...result.usage.values()].reduce(addUsage, NO_USAGE),
    usdMicros: row.usdMicros + micros,
    seconds: row.seconds + result.seconds,
    losses: result.losses,
  };
  await deps.store.shards.put(done);
  deps.emit({
    kind: "shard",
    passId: job.passId,
    stage: job.stage,
    shardId: job.shardId,
    samples: result.samples,
    parked: result.parked,
  });
  return done;
}

/** Upper bound of what the shard may cost, from the very requests it will make. */
async function boundMicros(
  job: ShardJob,
  context: StageContext,
  refs: (target: Target) => ModelRef,
  deps: WorkerDeps,
): Promise<number> {
  const stage = modelStage(job.stage);
  let micros = 0;
  const timed = new Set<ModelRef>();
  for await (const record of readLines(deps.blobs, inputKey(job))) {
    for (const request of stage.ask(stage.input.parse(record), context)) {
      const ref = refs(request.target);
      if (ref.engine === "embedded") timed.add(ref);
      else micros += costMicros(ref, { usage: requestBound(request), seconds: 0 }) * WAVES_BOUND;
    }
  }
  const seconds = timed.size === 0 ? 0 : EMBEDDED_SECONDS_BOUND;
  return micros + toMicros(seconds * COMPUTE_PRICES["cpu-core"]);
}

function requestBound({ body }: ChatRequest) {
  const parts = body.messages.flatMap(({ content }) =>
    typeof content === "string" ? [{ type: "text" as const, text: content }] : content,
  );
  const promptBytes = parts.reduce((sum, part) => sum + (part.type === "text" ? Buffer.byteLength(part.text) : 0), 0);
  const images = parts.filter(({ type }) => type === "image_url").length;
  return tokenBound({ promptBytes, images, maxTokens: body.max_tokens ?? 4096, n: body.n ?? 1 });
}

/** Servers are paid by the token; the embedded engine once for the shard's time, whichever of its roles answered. */
function spentMicros(result: { usage: Answers["usage"]; seconds: number }, refs: (target: Target) => ModelRef): number {
  const targets = [...result.usage];
  const paid = targets.filter(([target]) => refs(target).engine !== "embedded");
  const tokens = paid.reduce((sum, [target, usage]) => sum + costMicros(refs(target), { usage, seconds: 0 }), 0);
  const embedded = targets.find(([target]) => refs(target).engine === "embedded");
  return (
    tokens + (embedded === undefined ? 0 : costMicros(refs(embedded[0]), { usage: NO_USAGE, seconds: result.seconds }))
  );
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
