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

export type AnswerDeps = {
  models: (target: Target) => BoundModel;
  cache: ReplyCache;
  signal: AbortSignal;
  onReplies: (count: number, cached: number) => void;
  /** Left out: nobody pays. */
  meter?: Meter;
};

/** Replies of one target reach the cache, and their cost the meter's books, in groups of this size: what a crash can cost. Our choice. */
export const CACHE_GROUP = 64;

type Asked = { request: ChatRequest; target: Target; line: BatchLine; key: string };

/**
 * One reply for every request. Completed replies are cached as they come, so that a run that was killed asks nothing
 * twice; failed ones are not, so that they are asked again. An aborted signal is thrown.
 */
export async function answer(requests: readonly ChatRequest[], deps: AnswerDeps): Promise<Answers> {
  const asked = requests.map((request) => askedOf(request, deps.models(request.target)));
  const replies = await cachedReplies(asked, deps.cache);
  const cached = replies.size;
  if (cached > 0) deps.onReplies(cached, cached);
  const usage = new Map<Target, Usage>();
  const missing = asked.filter(({ line }) => !replies.has(line.custom_id));
  if (missing.length > 0) await deps.meter?.begin(missing.map(({ request }) => request));
  const open = Map.groupBy(missing, ({ target }) => target);
  await Promise.all(
    [...open].map(async ([target, items]) => {
      for await (const reply of freshReplies({ target, items }, deps)) {
        replies.set(reply.custom_id, reply);
        if (reply.outcome === "completed") {
          usage.set(target, addUsage(usage.get(target) ?? NO_USAGE, reply.completion.usage ?? NO_USAGE));
        }
      }
    }),
  );
  deps.signal.throwIfAborted();
  return { replies, usage, cached };
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
  for (const custom_id of keys.keys()) {
    yield {
      outcome: "failed",
      custom_id,
      failure: { code: "no_reply", message: "the engine ended without a reply", retryable: true },
    };
  }
}
