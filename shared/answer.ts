/** Asking models: every reply once, from the cache where it was given before. */
import { addUsage, NO_USAGE } from "./budget/cost.ts";
import { NOT_ASKED } from "./drain.ts";
import { sha256Hex } from "./ids.ts";
import type { Engine } from "./ports/engine.ts";
import type { ReplyCache } from "./ports/state-store.ts";
import {
  type BatchLine,
  ChatCompletion,
  type ChatReply,
  type ChatRequest,
  type Target,
  type Usage,
} from "./schemas/chat.ts";

/** A model as a pass sees it: who answers, under which name, in which exact revision. */
export type BoundModel = { engine: Engine; model: string; revision: string };

export type Answers = {
  replies: Map<string, ChatReply>;
  /** Of fresh replies only: what was cached costs nothing again. */
  usage: Map<Target, Usage>;
  cached: number;
  /** Batches are under way elsewhere: their replies are missing. */
  waiting: boolean;
};

/** Sees to the money of fresh replies while they come. */
export type Meter = {
  /** Before requests are asked that the cache does not answer; an exception refuses them. */
  begin(requests: readonly ChatRequest[]): Promise<void>;
  /** Each reply as it comes, failed ones too. */
  count(target: Target, reply: ChatReply): void;
  /** Books what was counted so far: with every group of replies that is cached. */
  flush(): Promise<void>;
};

/** Models whose answers are made somewhere else, in batches, and looked for later. */
export type Elsewhere = {
  serves(target: Target): boolean;
  /** The batch's replies once they are there: the same lines again are the same batch. `waiting`: it is under way. */
  replies(
    target: Target,
    lines: readonly BatchLine[],
  ): Promise<{ outcome: "answered"; replies: AsyncIterable<ChatReply> } | { outcome: "waiting" }>;
};

export type AnswerDeps = {
  models: (target: Target) => BoundModel;
  cache: ReplyCache;
  signal: AbortSignal;
  onReplies: (count: number, cached: number) => void;
  /** Left out: nobody pays. */
  meter?: Meter;
  /** Left out: every model answers here. It sees to the money of its batches itself, and keeps their replies. */
  elsewhere?: Elsewhere;
};

/** Replies of one target reach the cache, and their cost the meter's books, in groups of this size: what a crash can cost. Our choice. */
export const CACHE_GROUP = 64;

type Asked = { request: ChatRequest; target: Target; line: BatchLine; key: string };

/**
 * One reply for every request, but for those that are `waiting`. Completed replies are cached as they come, so that a run
 * that was killed asks nothing twice; failed ones are not, so that they are asked again. An aborted signal is thrown.
 */
export async function answer(requests: readonly ChatRequest[], deps: AnswerDeps): Promise<Answers> {
  const asked = requests.map((request) => askedOf(request, deps.models(request.target)));
  const [there = [], here = []] = [true, false].map((elsewhere) =>
    asked.filter(({ target }) => (deps.elsewhere?.serves(target) ?? false) === elsewhere),
  );
  const replies = await cachedReplies(here, deps.cache);
  const answers: Answers = { replies, usage: new Map(), cached: replies.size, waiting: false };
  if (replies.size > 0) deps.onReplies(replies.size, replies.size);
  const missing = here.filter(({ line }) => !replies.has(line.custom_id));
  if (missing.length > 0) await deps.meter?.begin(missing.map(({ request }) => request));
  await Promise.all([
    ...targetsOf(missing).map(([target, items]) => gather(freshReplies({ target, items }, deps), target, answers)),
    ...targetsOf(there).map(async ([target, items]) => {
      const lines = items.map(({ line }) => line);
      const found = await deps.elsewhere!.replies(target, lines);
      if (found.outcome === "waiting") answers.waiting = true;
      else await gather(whole(lines, found.replies), target, answers);
    }),
  ]);
  deps.signal.throwIfAborted();
  return answers;
}

const targetsOf = (asked: readonly Asked[]) => [...Map.groupBy(asked, ({ target }) => target)];

async function gather(fresh: AsyncIterable<ChatReply>, target: Target, { replies, usage }: Answers): Promise<void> {
  for await (const reply of fresh) {
    replies.set(reply.custom_id, reply);
    if (reply.outcome !== "completed") continue;
    usage.set(target, addUsage(usage.get(target) ?? NO_USAGE, reply.completion.usage ?? NO_USAGE));
  }
}

/** A batch's replies; a line without one gets a failure that no repetition mends, for the batch is what it is. */
async function* whole(lines: readonly BatchLine[], replies: AsyncIterable<ChatReply>): AsyncGenerator<ChatReply> {
  const open = new Set(lines.map(({ custom_id }) => custom_id));
  for await (const reply of replies) if (open.delete(reply.custom_id)) yield reply;
  for (const custom_id of open) yield noReply(custom_id, "the batch holds no reply to this line", false);
}

function askedOf(request: ChatRequest, bound: BoundModel): Asked {
  const body = { ...request.body, model: bound.model };
  return {
    request,
    target: request.target,
    line: { custom_id: request.custom_id, method: "POST", url: "/v1/chat/completions", body },
    key: sha256Hex(JSON.stringify([bound.revision, body])), // stages build a body's fields always in the same order
  };
}

async function cachedReplies(asked: readonly Asked[], cache: ReplyCache): Promise<Map<string, ChatReply>> {
  const stored = await cache.getMany(asked.map(({ key }) => key));
  const replies = new Map<string, ChatReply>();
  for (const { line, key } of asked) {
    const text = stored.get(key);
    if (text === undefined) continue;
    const completion = ChatCompletion.parse(JSON.parse(text));
    replies.set(line.custom_id, { outcome: "completed", custom_id: line.custom_id, completion });
  }
  return replies;
}

async function* freshReplies(
  { target, items }: { target: Target; items: readonly Asked[] },
  deps: AnswerDeps,
): AsyncGenerator<ChatReply> {
  const { engine } = deps.models(target);
  const keys = new Map(items.map(({ line, key }) => [line.custom_id, key]));
  let group: { key: string; reply: string }[] = [];
  const flush = async () => {
    const entries = group;
    group = [];
    if (entries.length > 0) await Promise.all([deps.cache.putMany(entries), deps.meter?.flush()]);
  };
  try {
    for await (const reply of engine.run(
      items.map(({ line }) => line),
      deps.signal,
    )) {
      const key = keys.get(reply.custom_id);
      if (key === undefined)
        throw new Error(`the engine answered ${reply.custom_id}, which was not asked or was answered before`);
      keys.delete(reply.custom_id);
      deps.meter?.count(target, reply);
      if (reply.outcome === "completed") group.push({ key, reply: JSON.stringify(reply.completion) });
      if (group.length >= CACHE_GROUP) await flush();
      if (reply.outcome === "completed" || reply.failure.code !== NOT_ASKED) deps.onReplies(1, 0);
      yield reply;
    }
  } finally {
    await flush();
  }
  deps.signal.throwIfAborted();
  for (const custom_id of keys.keys()) yield noReply(custom_id, "the engine ended without a reply", true);
}

function noReply(custom_id: string, message: string, retryable: boolean): ChatReply {
  return { outcome: "failed", custom_id, failure: { code: "no_reply", message, retryable } };
}
