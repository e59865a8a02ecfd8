/** Asks the evaluated model and the judge, through the ordinary engines: what was answered before is not asked again. */
import { answer, type BoundModel } from "../../shared/answer.ts";
import { answerHash } from "../../shared/evaluation/digest.ts";
import type { EvaluationBench, EvaluationItem, JudgeAsk, JudgeOptions } from "../../shared/evaluation/evaluation.ts";
import type { ReplyCache } from "../../shared/ports/state-store.ts";
import { seedFor } from "../../shared/random.ts";
import type { ChatReply, ChatRequest, Target } from "../../shared/schemas/chat.ts";
import type { EvaluationAnswer, EvaluationMode, JudgeCall } from "../../shared/schemas/evaluation.ts";
import { firstChoice } from "../../shared/stages/replies.ts";
import { yesNoMass } from "../../shared/stages/verdict.ts";
import type { EvaluationMeter } from "./money.ts";
import { BudgetSpent } from "./problems.ts";

/** Money is reserved for so many requests at once, or fewer where they have no room. Our choice: enough for 32 connections, little to lose. */
const GROUP = 128;

export type AskDeps = {
  replies: ReplyCache;
  signal: AbortSignal;
  meter: EvaluationMeter;
  onProgress: (done: number, total: number, what: string) => void;
};

type Asked = { target: Target; model: BoundModel; what: string };

async function repliesTo(
  requests: readonly ChatRequest[],
  { model, what }: Asked,
  { replies: cache, signal, meter, onProgress }: AskDeps,
): Promise<Map<string, ChatReply>> {
  const all = new Map<string, ChatReply>();
  let [done, size] = [0, GROUP];
  const onReplies = (count: number) => {
    done += count;
    onProgress(done, requests.length, what);
  };
  try {
    for (let first = 0; first < requests.length; ) {
      done = first;
      const group = requests.slice(first, first + size);
      const deps = { models: () => model, cache, signal, onReplies, meter };
      const answered = await answer(group, deps).catch((error: unknown) => fewer(error, group.length));
      if ("replies" in answered) {
        for (const [id, reply] of answered.replies) all.set(id, reply);
        first += group.length;
      } else size = answered.size;
    }
  } finally {
    await meter.end();
  }
  return all;
}

/** What has no room in the budget together may have it in part. */
function fewer(error: unknown, size: number): { size: number } {
  if (error instanceof BudgetSpent && size > 1) return { size: Math.ceil(size / 2) };
  throw error;
}

/** The model's answers, in the order of the items; one that never came is missing. */
export async function askModel<Item extends EvaluationItem>(
  { bench, items, mode }: { bench: EvaluationBench<Item>; items: readonly Item[]; mode: EvaluationMode },
  model: BoundModel,
  deps: AskDeps,
): Promise<EvaluationAnswer[]> {
  const target = "policy/0" as const;
  const requests = items.map((item): ChatRequest => ({ custom_id: item.itemId, target, body: bench.ask(item) }));
  const replies = await repliesTo(requests, { target, model, what: "answers" }, deps);
  return requests.map(({ custom_id, body }) =>
    answerOf(custom_id, replies.get(custom_id), body.logprobs ? mode : null),
  );
}

/** @param yesNo how spellings of yes and no are read; null where the bench does not ask for logprobs */
function answerOf(itemId: string, reply: ChatReply | undefined, yesNo: EvaluationMode | null): EvaluationAnswer {
  const choice = reply?.outcome === "completed" ? firstChoice(reply.completion.choices) : undefined;
  const text = choice?.message.content?.trim() ?? null;
  const first = choice?.logprobs?.content?.[0];
  if (yesNo === null || first === undefined) return { itemId, text };
  const listed = first.top_logprobs.some(({ token }) => token === first.token);
  const tokens = listed ? first.top_logprobs : [first, ...first.top_logprobs];
  return { itemId, text, ...yesNoMass(tokens, yesNo) };
}

/** Every call the bench wants about every answer that came, and what follows from the replies, asked and answered. */
export async function askJudge<Item extends EvaluationItem>(
  {
    bench,
    items,
    answers,
    options,
  }: {
    bench: EvaluationBench<Item>;
    items: readonly Item[];
    answers: readonly EvaluationAnswer[];
    options: JudgeOptions;
  },
  judge: BoundModel,
  deps: AskDeps,
): Promise<JudgeCall[]> {
  const answerOfItem = new Map(answers.map((one) => [one.itemId, one]));
  const judged = items.flatMap((item) => {
    const given = answerOfItem.get(item.itemId);
    return given === undefined || given.text === null ? [] : [{ item, given, hash: answerHash(given) }];
  });
  const asks = judged.flatMap(({ item, given, hash }) =>
    bench.judge(item, given, options).map((ask) => ({ ask, hash })),
  );
  const calls = await callsTo(asks, { judge, options }, deps);
  const byItem = Map.groupBy(calls, ({ itemId }) => itemId);
  const further = judged.flatMap(({ item, hash }) => {
    const own = byItem.get(item.itemId) ?? [];
    return (bench.followUp?.(item, own, options) ?? []).map((ask) => ({ ask, hash }));
  });
  return [...calls, ...(await callsTo(further, { judge, options }, deps))];
}

async function callsTo(
  asks: readonly { ask: JudgeAsk; hash: string }[],
  { judge, options }: { judge: BoundModel; options: JudgeOptions },
  deps: AskDeps,
): Promise<JudgeCall[]> {
  const target = "labeler/0" as const;
  const requests = asks.map(({ ask }): ChatRequest => ({ custom_id: nameOf(ask), target, body: bodyOf(ask) }));
  const replies = await repliesTo(requests, { target, model: judge, what: "judge calls" }, deps);
  return asks.map(({ ask, hash }): JudgeCall => {
    const { itemId, kind, repetition, promptHash, body } = ask;
    const temperature = body.temperature ?? options.temperature;
    const asked = { itemId, kind, repetition, answerHash: hash, model: judge.model, revision: judge.revision };
    return { ...asked, temperature, promptHash, ...replyOf(replies.get(nameOf(ask))) };
  });
}

const nameOf = ({ itemId, kind, repetition }: JudgeAsk): string => `${itemId}/${kind}/${repetition}`;

/** Repetitions must differ in something, or the second would be the first one's reply from the cache. */
function bodyOf({ body, itemId, kind, repetition }: JudgeAsk): JudgeAsk["body"] {
  return body.seed === undefined ? { ...body, seed: seedFor(itemId, kind, repetition) % 2 ** 31 } : body;
}

function replyOf(reply: ChatReply | undefined): Pick<JudgeCall, "reply" | "failure"> {
  if (reply === undefined) return { reply: null, failure: "no_reply: the engine ended without a reply" };
  if (reply.outcome === "failed") return { reply: null, failure: `${reply.failure.code}: ${reply.failure.message}` };
  const text = firstChoice(reply.completion.choices)?.message.content ?? null;
  return text === null ? { reply: null, failure: "empty: the completion holds no text" } : { reply: text };
}
