import { cutOff, NOT_ASKED } from "../../shared/drain.ts";
import type { ChatDelta, Engine } from "../../shared/ports/engine.ts";
import type { BatchLine, ChatBody, ChatReply, RequestFailure } from "../../shared/schemas/chat.ts";
import { eachAsItEnds } from "../embedded/engine/queue.ts";
import { TEXT_LENGTH } from "../embedded/model/architecture.ts";
import { type Caller, Gate, type GateLimits, type Priced } from "./gate.ts";

export type FairLimits = Pick<GateLimits, "inFlight"> &
  Partial<GateLimits> & {
    /** What a request weighs, > 0, in the unit of `inFlight`; every request the same if left out. */
    costOf?: (body: ChatBody) => number;
  };

/**
 * The embedded engine's limits. Unit: one token of an answer; a request weighs 15 more, so that a question takes about
 * its share of time: on two quiet cores 3,000 questions or 23,000 tokens a second (measured 2026-11 with the cases of
 * bench/engine-cases.ts). A chunk, about a fifth of a second, holds 320 questions, which are five full passes, or ten
 * pictures with ten answers of 48 tokens; four chunks keep the 256 texts it writes side by side going while the next are
 * on their way. bench/fair.ts on two quiet cores (2026-11): a chat's first token comes after 0.2 s beside a run, at the
 * longest 0.3 s, and a lone run has 0.9 of the speed it has without sharing.
 */
export const EMBEDDED_LIMITS: FairLimits = {
  inFlight: 20_480,
  chunk: 5120,
  costOf: ({ n = 1, max_tokens = TEXT_LENGTH }) => n * Math.min(max_tokens, TEXT_LENGTH) + 15,
};

/** One server, shared by all who use it. */
export type FairEngine = {
  /** The engine as one user of it sees it: a run, a key, an anonymous client. The same flow may be asked for many times. */
  for(flow: string, weight?: number): Engine;
};

/**
 * Shares one engine between flows. Their lines wait in one queue, dealt by deficit round robin; at most `inFlight` is on
 * the engine at once. A flow that is alone has all of it. Lines that may go together reach the engine as one batch, and
 * where `chunk` is more than one line the next ones wait until so much is free: an engine that computes in batches keeps
 * large ones. Without `chunk` every place is dealt as it comes free, for servers that take requests one by one.
 *
 * A batch that throws, or ends without a reply to some of its lines, fails these lines, to be tried again; an abort takes
 * the lines that wait out of the queue and stops those on the engine.
 */
export function fairEngine(engine: Engine, { inFlight, chunk, costOf = () => 1 }: FairLimits): FairEngine {
  const gate = new Gate({ inFlight, chunk: chunk ?? Math.min(1, inFlight) });
  const priced = (line: BatchLine): Priced => ({ cost: costOf(line.body), line });
  return {
    for: (flow, weight = 1) => ({
      describe: (model) => engine.describe(model),
      async *run(lines, signal) {
        // after a Drain the engine ends by itself, with the replies to what it has begun
        const { cut, dispose } = cutOff(signal);
        const place = { engine, gate, flow, weight };
        try {
          yield* eachAsItEnds<ChatReply>(cut, (send, wanted) =>
            askLines(place, lines.map(priced), { send, signal: AbortSignal.any([signal, wanted]) }),
          );
        } finally {
          dispose();
        }
      },
      stream: (body, signal) =>
        eachAsItEnds<ChatDelta>(signal, (send, wanted) =>
          askLive({ engine, gate, flow, weight }, priced(lineOf(body)), { send, signal: wanted }),
        ),
    }),
  };
}

const STOPPED: RequestFailure = { code: NOT_ASKED, message: "the run was stopped before this", retryable: true };

type Place = { engine: Engine; gate: Gate; flow: string; weight: number };
type Wanted<T> = { send: (item: T) => void; signal: AbortSignal };

const lineOf = (body: ChatBody): BatchLine => ({
  custom_id: "stream",
  method: "POST",
  url: "/v1/chat/completions",
  body,
});

/** Resolves when every line has its reply or is wanted no more. */
function askLines(place: Place, lines: readonly Priced[], wanted: Wanted<ChatReply>): Promise<void> {
  if (lines.length === 0) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const { gate, flow, weight } = place;
  let open = lines.length;
  const settle = (count: number) => {
    open -= count;
    if (open === 0) resolve();
  };
  const caller: Caller = {
    flow,
    weight,
    enter: (granted) => void answer(place, granted, wanted).then(() => settle(granted.length)),
  };
  gate.queue(caller, lines);
  const stop = () => {
    const left = gate.withdraw(caller);
    for (const { custom_id } of left) wanted.send({ outcome: "failed", custom_id, failure: STOPPED });
    settle(left.length);
  };
  if (wanted.signal.aborted) stop();
  else wanted.signal.addEventListener("abort", stop, { once: true });
  return promise;
}

/** Puts a batch on the engine. Never rejects: what goes wrong becomes the reply of the lines that have none. */
async function answer({ engine, gate }: Place, granted: readonly Priced[], wanted: Wanted<ChatReply>): Promise<void> {
  const { send, signal } = wanted;
  const waiting = new Map(granted.map(({ cost, line }) => [line.custom_id, cost]));
  let held = granted.reduce((sum, { cost }) => sum + cost, 0);
  let failure: RequestFailure = {
    code: "no_reply",
    message: "the engine gave no reply to this request",
    retryable: true,
  };
  try {
    const lines = granted.map(({ line }) => line);
    for await (const reply of engine.run(lines, signal)) {
      const cost = waiting.get(reply.custom_id) ?? 0;
      waiting.delete(reply.custom_id);
      held -= cost;
      gate.leave(cost);
      send(reply);
    }
  } catch (error) {
    failure = failureOf(error);
  }
  gate.leave(held);
  if (signal.aborted) return;
  for (const custom_id of waiting.keys()) send({ outcome: "failed", custom_id, failure });
}

/** An engine that throws has a defect or is gone: the request itself may be sound. */
function failureOf(error: unknown): RequestFailure {
  if (error instanceof Error && "failure" in error) return error.failure as RequestFailure;
  const message = `the engine failed: ${error instanceof Error ? error.message : String(error)}`;
  return { code: "engine_failed", message, retryable: true };
}

/** One answer as it is made. Its place is held until the engine has ended it, however slowly it is read. */
async function askLive(place: Place, line: Priced, { send, signal }: Wanted<ChatDelta>): Promise<void> {
  const { engine, gate, flow, weight } = place;
  const { promise: granted, resolve } = Promise.withResolvers<Priced[]>();
  const caller: Caller = { flow, weight, enter: resolve };
  gate.queue(caller, [line]);
  signal.addEventListener("abort", () => gate.withdraw(caller).length > 0 && resolve([]), { once: true });
  const [mine] = await granted;
  if (mine === undefined) return; // aborted before its turn came
  try {
    for await (const delta of engine.stream(line.line.body, signal)) send(delta);
  } finally {
    gate.leave(mine.cost);
  }
}
