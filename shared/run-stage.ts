/** Walks samples through one model stage: ask, answer, absorb, and once more while a sample still asks. */
import { type AnswerDeps, type Answers, answer } from "./answer.ts";
import { addUsage } from "./budget/cost.ts";
import type { ChatReply, ChatRequest, Target, Usage } from "./schemas/chat.ts";
import type { Submitted } from "./schemas/sample.ts";
import type { ModelStage, StageContext, StageResult } from "./stages/stage.ts";
import { addLosses, type Losses } from "./states/losses.ts";

export type Settled<Out> = { sampleId: string; result: Exclude<StageResult<Out>, { outcome: "more" }> };

type Asked = { requests: number; usage: Map<Target, Usage> };

export type StageOutcome<Out> =
  | (Asked & { outcome: "done"; results: Settled<Out>[]; cachedReplies: number; losses: Losses })
  /** Requests failed in a way that may pass: nothing was absorbed, the replies that came are cached. */
  | (Asked & { outcome: "try_again"; failed: number; message: string })
  /** Batches are under way elsewhere: the same stage again, once they are there, goes on from them. */
  | { outcome: "waiting" };

/** How often `absorb` may ask for more before a stage is broken; two retries and one split are the most any stage wants. */
const MAX_WAVES = 4;

type Item<Out> = { sample: Submitted; replies: Map<string, ChatReply>; result: StageResult<Out> | undefined };
type Wanted<Out> = { item: Item<Out>; request: ChatRequest };

type StageDeps = AnswerDeps & { context: StageContext; lastAttempt: boolean };

/**
 * Results in the order of the samples. On the last attempt failed requests become losses; before it, one that may pass
 * later ends the attempt. Every model answers here: nothing is waited for.
 */
export function runStage<Out extends Submitted>(
  stage: ModelStage<Submitted, Out>,
  samples: readonly Submitted[],
  deps: StageDeps & { elsewhere?: never },
): Promise<Exclude<StageOutcome<Out>, { outcome: "waiting" }>>;
/** The same, where models may answer elsewhere. */
export function runStage<Out extends Submitted>(
  stage: ModelStage<Submitted, Out>,
  samples: readonly Submitted[],
  deps: StageDeps,
): Promise<StageOutcome<Out>>;
/** Both of the above. */
export async function runStage<Out extends Submitted>(
  stage: ModelStage<Submitted, Out>,
  samples: readonly Submitted[],
  { context, lastAttempt, ...deps }: StageDeps,
): Promise<StageOutcome<Out>> {
  const items = samples.map((sample): Item<Out> => ({ sample, replies: new Map(), result: undefined }));
  const total: Answers = { replies: new Map(), usage: new Map(), cached: 0, waiting: false };
  let wanted: Wanted<Out>[] = items.flatMap((item) =>
    stage.ask(item.sample, context).map((request) => ({ item, request })),
  );
  let requests = 0;
  for (let wave = 0; wave < MAX_WAVES; wave++) {
    requests += wanted.length;
    const answers = await answer(
      wanted.map(({ request }) => request),
      deps,
    );
    if (answers.waiting) return { outcome: "waiting" };
    addAnswers(total, answers);
    for (const { item, request } of wanted)
      item.replies.set(request.custom_id, answers.replies.get(request.custom_id)!);
    const hope = lastAttempt ? undefined : mayPassLater(answers);
    if (hope !== undefined) return { outcome: "try_again", ...hope, requests, usage: total.usage };
    wanted = absorbAll(items, stage, context);
    if (wanted.length === 0) break;
  }
  const results = items.map((item) => settled(item, stage.name));
  const losses = addLosses(...results.map(({ result }) => result.losses), failedRequests(total));
  return { outcome: "done", results, requests, usage: total.usage, cachedReplies: total.cached, losses };
}

/** Absorbs every sample that has no final result yet; gives back what they still want to ask. */
function absorbAll<Out extends Submitted>(
  items: readonly Item<Out>[],
  stage: ModelStage<Submitted, Out>,
  context: StageContext,
): Wanted<Out>[] {
  const wanted: Wanted<Out>[] = [];
  for (const item of items) {
    if (item.result !== undefined && item.result.outcome !== "more") continue;
    item.result = stage.absorb(item.sample, item.replies, context);
    if (item.result.outcome === "more") wanted.push(...item.result.requests.map((request) => ({ item, request })));
  }
  return wanted;
}

function settled<Out>({ sample, result }: Item<Out>, stage: string): Settled<Out> {
  if (result === undefined || result.outcome === "more") {
    throw new Error(`stage ${stage} still asks for more after ${MAX_WAVES} waves, about sample ${sample.sampleId}`);
  }
  return { sampleId: sample.sampleId, result };
}

function mayPassLater(answers: Answers): { failed: number; message: string } | undefined {
  const failures = [...answers.replies.values()].flatMap((reply) =>
    reply.outcome === "failed" && reply.failure.retryable ? [reply.failure] : [],
  );
  const [first] = failures;
  if (first === undefined) return undefined;
  const message = `${failures.length} of ${answers.replies.size} requests failed, the first with ${first.code}: ${first.message}`;
  return { failed: failures.length, message };
}

function failedRequests(answers: Answers): Losses {
  return { failed_request: [...answers.replies.values()].filter(({ outcome }) => outcome === "failed").length };
}

function addAnswers(total: Answers, part: Answers): void {
  for (const [id, reply] of part.replies) total.replies.set(id, reply);
  for (const [target, usage] of part.usage) {
    const before = total.usage.get(target);
    total.usage.set(target, before === undefined ? usage : addUsage(before, usage));
  }
  total.cached += part.cached;
}
