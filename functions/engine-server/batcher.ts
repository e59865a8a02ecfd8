/**
 * Gathers requests that come at the same time into one `engine.run`: an engine that computes in batches answers
 * thirty together almost as fast as one.
 */
import type { Clock } from "../../shared/ports/clock.ts";
import type { Engine } from "../../shared/ports/engine.ts";
import type { BatchLine, ChatBody, ChatReply } from "../../shared/schemas/chat.ts";

export type BatchLimits = {
  /** How long the first request of a batch waits for others, milliseconds. */
  windowMs: number;
  /** Batches on the engine at once; while they run, new requests gather. */
  running: number;
  /** Most requests in one batch. */
  lines: number;
};

export const BATCH_LIMITS: BatchLimits = { windowMs: 3, running: 2, lines: 256 }; // our choice

type Waiting = {
  line: BatchLine;
  signal: AbortSignal;
  resolve: (reply: ChatReply) => void;
  reject: (error: unknown) => void;
};

export type Batcher = {
  /** The engine's reply to one body. Rejects with the signal's reason, or with what the engine threw. */
  ask(body: ChatBody, signal: AbortSignal): Promise<ChatReply>;
};

export function batcher(engine: Engine, clock: Clock, limits: BatchLimits): Batcher {
  const waiting: Waiting[] = [];
  let running = 0;
  let gathering = false;
  let nextId = 0;

  async function gather(): Promise<void> {
    if (gathering || running >= limits.running || waiting.length === 0) return;
    gathering = true;
    await clock.sleep(limits.windowMs);
    gathering = false;
    const batch = waiting.splice(0, limits.lines).filter(({ signal }) => !signal.aborted);
    if (batch.length === 0) return;
    running++;
    void gather();
    await answerAll(engine, batch);
    running--;
    void gather();
  }

  return {
    ask(body, signal) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        const line: BatchLine = { custom_id: `http-${nextId++}`, method: "POST", url: "/v1/chat/completions", body };
        waiting.push({ line, signal, resolve, reject });
        void gather();
      });
    },
  };
}

/** Never rejects: every caller is told by its own promise. */
async function answerAll(engine: Engine, batch: readonly Waiting[]): Promise<void> {
  const byId = new Map(batch.map((waiting) => [waiting.line.custom_id, waiting]));
  const everyoneLeft = allAborted(batch.map(({ signal }) => signal));
  try {
    for await (const reply of engine.run(
      batch.map(({ line }) => line),
      everyoneLeft,
    )) {
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
  for (const signal of signals) {
    const left = () => {
      present--;
      if (present === 0) all.abort();
    };
    if (signal.aborted) left();
    else signal.addEventListener("abort", left, { once: true });
  }
  return all.signal;
}
