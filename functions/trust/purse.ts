/**
 * What one request of a user may spend, and what it has spent. Every engine it asks stands behind its purse: a question
 * that could pass the limit is not asked, so what was reserved is enough, whatever a judge makes of an answer.
 */
import { NO_USAGE } from "../../shared/budget/cost.ts";
import { COMPUTE_PRICES, toMicros } from "../../shared/budget/prices.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { ChatDelta, Engine } from "../../shared/ports/engine.ts";
import type { BatchLine, ChatBody, ChatReply, RequestFailure, Usage } from "../../shared/schemas/chat.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";
import { openAccount } from "./account.ts";
import { promptOnly, type SizeOf, usageBound } from "./bounds.ts";
import { stopwatch, streamCounter, timed } from "./counting.ts";

/** Servers are paid by the token, `serverMicros`; the embedded engine by the time it is waited for, `computeSeconds`. */
export type PurseLimit = { tokens: number; serverMicros: number; computeSeconds: number };

export type Purse = {
  /** The engine of a model, as far as the purse reaches. */
  guard(ref: ModelRef, engine: Engine): Engine;
  /** Tokens, and millionths of a USD. What is under way counts with what has come of it. */
  spent(): { tokens: number; usdMicros: number };
  usage(): Usage;
  /** True once something was not asked for want of room. */
  exhausted(): boolean;
};

/** All of a purse in millionths of a USD. */
export function purseMicros({ serverMicros: server, computeSeconds }: PurseLimit): number {
  return server + toMicros(computeSeconds * COMPUTE_PRICES["cpu-core"]);
}

const NO_ROOM: RequestFailure = {
  code: "purse_empty",
  message: "this question could cost more than what was reserved for the request",
  retryable: false,
};

/** @param sizeOf of the images that questions are about */
export function openPurse(limit: PurseLimit, { clock, sizeOf }: { clock: Pick<Clock, "now">; sizeOf: SizeOf }): Purse {
  const account = openAccount(limit);
  const watch = stopwatch(clock);
  const timer = ({ engine }: ModelRef) => (engine === "embedded" ? watch : undefined);

  /** The questions there is room for, with what each may use. */
  function held(ref: ModelRef, lines: readonly BatchLine[]): Open {
    const asked = lines.map((line) => ({ line, most: usageBound(ref, line.body, sizeOf) }));
    return new Map(asked.filter(({ most }) => account.hold(ref, most)).map((one) => [one.line.custom_id, one]));
  }

  /** What a server made of questions that were dropped is told by nobody; it had no more than `maxConcurrency` at once. */
  function drop(ref: ModelRef, open: Open, signal: AbortSignal): void {
    const atWork = signal.aborted ? ref.maxConcurrency : 0;
    [...open.values()].forEach(({ most }, at) => {
      account.settle(ref, most, at < atWork ? promptOnly(most) : NO_USAGE);
    });
  }

  async function* run(ref: ModelRef, engine: Engine, lines: readonly BatchLine[], signal: AbortSignal) {
    const open = held(ref, lines);
    const affordable = lines.filter(({ custom_id }) => open.has(custom_id));
    yield* lines.filter(({ custom_id }) => !open.has(custom_id)).map(failed);
    try {
      for await (const reply of timed(engine.run(affordable, signal), timer(ref))) {
        const most = open.get(reply.custom_id)?.most ?? NO_USAGE;
        open.delete(reply.custom_id);
        account.settle(ref, most, usedBy(reply, most));
        yield reply;
      }
    } finally {
      drop(ref, open, signal);
    }
  }

  async function* stream(ref: ModelRef, engine: Engine, body: ChatBody, signal: AbortSignal) {
    const most = usageBound(ref, body, sizeOf);
    if (!account.hold(ref, most)) throw Object.assign(new Error(NO_ROOM.message), { failure: NO_ROOM });
    const counter = streamCounter(most);
    const close = account.running(ref, counter.usage);
    try {
      for await (const delta of timed(engine.stream(body, signal), timer(ref))) {
        counter.see(delta);
        yield delta;
      }
    } finally {
      close();
      account.settle(ref, most, counter.begun() || signal.aborted ? counter.usage() : NO_USAGE);
    }
  }

  return {
    guard: (ref, engine) => ({
      describe: (model) => engine.describe(model),
      run: (lines, signal): AsyncIterable<ChatReply> => run(ref, engine, lines, signal),
      stream: (body, signal): AsyncIterable<ChatDelta> => stream(ref, engine, body, signal),
    }),
    spent() {
      const { usage, micros } = account.total();
      return {
        tokens: usage.total_tokens,
        usdMicros: micros + toMicros(watch.seconds() * COMPUTE_PRICES["cpu-core"]),
      };
    },
    usage: () => account.total().usage,
    exhausted: account.exhausted,
  };
}

type Open = Map<string, { line: BatchLine; most: Usage }>;

function failed({ custom_id }: BatchLine): ChatReply {
  return { outcome: "failed", custom_id, failure: NO_ROOM };
}

const usedBy = (reply: ChatReply, most: Usage): Usage =>
  reply.outcome === "completed" ? (reply.completion.usage ?? most) : NO_USAGE;
