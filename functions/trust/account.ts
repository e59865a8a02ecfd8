/** The books of a purse. */
import { addUsage, NO_USAGE } from "../../shared/budget/cost.ts";
import type { Usage } from "../../shared/schemas/chat.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";
import { serverMicros } from "./bounds.ts";

/** Settled and held, in tokens and in what servers are paid (millionths of a USD). */
export function openAccount(limit: { tokens: number; serverMicros: number }) {
  const running = new Set<() => { usage: Usage; micros: number }>();
  const held = { tokens: 0, micros: 0 };
  let [usage, micros, isExhausted] = [NO_USAGE, 0, false];

  return {
    exhausted: () => isExhausted,
    /** False where `most` does not fit any more. */
    hold(ref: ModelRef, most: Usage): boolean {
      const cost = serverMicros(ref, most);
      const tokens = usage.total_tokens + held.tokens + most.total_tokens;
      if (tokens > limit.tokens || micros + held.micros + cost > limit.serverMicros) {
        isExhausted = true;
        return false;
      }
      held.tokens += most.total_tokens;
      held.micros += cost;
      return true;
    },
    /** Ends a hold with what was used. */
    settle(ref: ModelRef, most: Usage, used: Usage): void {
      held.tokens -= most.total_tokens;
      held.micros -= serverMicros(ref, most);
      usage = addUsage(usage, used);
      micros += serverMicros(ref, used);
    },
    /** Counts what is under way with what it has used so far, until the function that it gives is called. */
    running(ref: ModelRef, usedSoFar: () => Usage): () => void {
      const entry = () => ({ usage: usedSoFar(), micros: serverMicros(ref, usedSoFar()) });
      running.add(entry);
      return () => running.delete(entry);
    },
    total() {
      const all = [...running].map((entry) => entry());
      return {
        usage: all.reduce((sum, one) => addUsage(sum, one.usage), usage),
        micros: all.reduce((sum, one) => sum + one.micros, micros),
      };
    },
  };
}
