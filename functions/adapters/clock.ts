import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../../shared/ports/clock.ts";

/** Node's timers hold at most 2^31 − 1 ms (24.8 days); longer ones would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    const until = performance.now() + ms;
    do {
      signal?.throwIfAborted();
      await waitOnce(Math.max(0, Math.min(until - performance.now(), LONGEST_TIMER_MS)), signal);
    } while (performance.now() < until);
  },
};

async function waitOnce(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await wait(ms, undefined, signal ? { signal } : {});
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  }
}
