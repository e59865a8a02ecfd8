/**
 * Gathers questions with one-token answers that come at the same time into one `engine.run`: an engine that computes in
 * batches answers thirty together almost as fast as one. Longer answers go alone, so that each can be stopped.
 */
import type { Clock } from "../../../shared/ports/clock.ts";
import type { Engine } from "../../../shared/ports/engine.ts";
import type { BatchLine, ChatBody, ChatReply } from "../../../shared/schemas/chat.ts";

export type GatherLimits = {
  /** How long the first request of a batch waits for others, milliseconds. */
  windowMs: number;
  /** Batches on the engine at once; while they run, new requests gather. */
  running: number;
  /** Most requests in one batch. */
  lines: number;
};

const GATHER_LIMITS: GatherLimits = { windowMs: 3, running: 2, lines: 256 }; // our choice

type Waiting = {
  line: BatchLine;
  signal: AbortSignal;
  resolve: (reply: ChatReply) => void;
  reject: (error: unknown) => void;
};

/** Nothing in such an answer is worth stopping. */
export const isOneToken = ({ max_tokens, n = 1 }: ChatBody): boolean => max_tokens === 1 && n === 1;

/** The same engine, with lines of several `run`s asked together. A run that is aborted throws the signal's reason. */
export function gathering(engine: Engine, clock: Clock, limits: GatherLimits = GATHER_LIMITS): Engine {
  const waiting: Waiting[] = [];
  let running = 0;
  let isGathering = false;
  let nextId = 0;

  async function gather(): Promise<void> {
    if (isGathering || running >= limits.running || waiting.length === 0) return;
    isGathering = true;
    await clock.sleep(limits.windowMs);
    isGathering = false;
    const batch = waiting.splice(0, limits.lines).filter(({ signal }) => !signal.aborted);
    if (batch.length === 0) return;
    running++;
    void gather();
    await answerAll(engine, batch);
    running--;
    void gather();
  }

  function ask(line: BatchLine, signal: AbortSignal): Promise<ChatReply> {
    const { promise, resolve, reject } = Promise.withResolvers<ChatReply>();
    if (signal.aborted) return Promise.reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    waiting.push({ line: { ...line, custom_id: `gathered-${nextId++}` }, signal, resolve, reject });
    void gather();
    return promise.then((reply) => ({ ...reply, custom_id: line.custom_id }));
  }

  return {
    describe: (model) => engine.describe(model),
    async *run(lines, signal) {
      yield* await Promise.all(lines.map((line) => ask(line, signal)));
    },
    stream: (body, signal) => engine.stream(body, signal),
  };
}

/** Never rejects: every caller is told by its own promise. */
async function answerAll(engine: Engine, batch: readonly Waiting[]): Promise<void> {
  const byId = new Map(batch.map((waiting) => [waiting.line.custom_id, waiting]));
  const lines = batch.map(({ line }) => line);
  try {
    for await (const reply of engine.run(lines, allAborted(batch.map(({ signal }) => signal)))) {
      byId.get(reply.custom_id)?.resolve(reply);
      byId.delete(reply.custom_id);
    }
    for (const { reject } of byId.values()) reject(new Error("the engine gave no reply to this request"));
  } catch (error) {
    for (const { reject } of byId.values()) reject(error);
  }
}

/** An engine's run has one signal, so a batch is stopped when the last of its callers has gone. */
function allAborted(signals: readonly AbortSignal[]): AbortSignal {
  const all = new AbortController();
  let present = signals.length;
  const left = () => {
    present--;
    if (present === 0) all.abort();
  };
  for (const signal of signals) {
    if (signal.aborted) left();
    else signal.addEventListener("abort", left, { once: true });
  }
  return all.signal;
}
