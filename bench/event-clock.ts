/**
 * Virtual time for simulations that never leave the process's own promises: one turn of the event loop between two
 * moments is enough, where the clock of the tests leaves room for files and timers.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../shared/ports/clock.ts";

export type EventClock = Clock & {
  /** Jumps from moment to moment until `work` has settled. Throws when nothing sleeps and the work still waits. */
  run<T>(work: Promise<T>): Promise<T>;
};

export function eventClock(): EventClock {
  const moments = new Map<number, Set<() => void>>();
  const order: number[] = []; // descending: the next moment is last
  let now = 0;

  function sleepersAt(at: number): Set<() => void> {
    const known = moments.get(at);
    if (known !== undefined) return known;
    order.splice(placeOf(order, at), 0, at);
    const sleepers = new Set<() => void>();
    moments.set(at, sleepers);
    return sleepers;
  }

  /** Wakes everybody of the next moment; one that nobody waits for any more does not move the time. */
  function wakeNext(): void {
    const at = order.pop();
    if (at === undefined) throw new Error(`nothing sleeps and nothing moves at ${now} ms`);
    const sleepers = moments.get(at)!;
    moments.delete(at);
    if (sleepers.size > 0) now = at;
    for (const wake of sleepers) wake();
  }

  return {
    now: () => now,
    sleep(ms, signal) {
      const at = now + Math.max(0, ms);
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const sleepers = sleepersAt(at);
        const wake = () => {
          signal?.removeEventListener("abort", stop);
          resolve();
        };
        const stop = () => {
          sleepers.delete(wake);
          reject(signal?.reason);
        };
        sleepers.add(wake);
        signal?.addEventListener("abort", stop, { once: true });
      });
    },
    async run(work) {
      let settled = false;
      const settle = () => {
        settled = true;
      };
      work.then(settle, settle);
      for (await nextTurn(); !settled; await nextTurn()) wakeNext();
      return work;
    },
  };
}

/** Where `at` belongs in a descending list. */
function placeOf(order: readonly number[], at: number): number {
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (order[middle]! > at) low = middle + 1;
    else high = middle;
  }
  return low;
}
