import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../shared/ports/clock.ts";

type Sleeper = { at: number; order: number; wake: () => void };

/** A clock that stands still until a test moves it. */
export type VirtualClock = Clock & {
  /** Moves on by `ms`, waking sleepers in the order of their times; work they start in between gets its turn. */
  advance(ms: number): Promise<void>;
  /** Jumps from sleeper to sleeper until `work` has settled. Throws when all wait for something that never comes. */
  run<T>(work: Promise<T>): Promise<T>;
};

/** Turns of the event loop that other work (file writes, group commits) gets before time moves without it. */
const QUIET_TURNS = 3;
/** Real milliseconds without a sleeper after which `run` calls the work stuck. */
const STUCK_AFTER_MS = 10_000;

export function virtualClock(startMs = 0): VirtualClock {
  const sleepers = orderedSleepers();
  let now = startMs;

  async function quiet(): Promise<void> {
    for (let turn = 0; turn < QUIET_TURNS; turn++) await nextTurn();
  }

  function wakeNext(): void {
    const next = sleepers.pop();
    if (!next) return;
    now = Math.max(now, next.at);
    next.wake();
  }

  async function advance(ms: number): Promise<void> {
    const until = now + ms;
    await quiet();
    while ((sleepers.first()?.at ?? Number.POSITIVE_INFINITY) <= until) {
      wakeNext();
      await quiet();
    }
    now = until;
  }

  async function run<T>(work: Promise<T>): Promise<T> {
    const settled = settledFlag(work);
    let stuckAt = performance.now() + STUCK_AFTER_MS;
    for (await quiet(); !settled(); await quiet()) {
      if (sleepers.first()) stuckAt = performance.now() + STUCK_AFTER_MS;
      else if (performance.now() > stuckAt) throw new Error(`nothing sleeps and nothing moves at ${now} ms`);
      wakeNext();
    }
    return work;
  }

  return {
    now: () => now,
    sleep: (ms, signal) => sleepOn(sleepers, now + Math.max(0, ms), signal),
    advance,
    run,
  };
}

function settledFlag(work: Promise<unknown>): () => boolean {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  work.then(settle, settle);
  return () => settled;
}

function sleepOn(sleepers: Sleepers, at: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      sleepers.remove(sleeper);
      reject(signal?.reason);
    };
    const sleeper = sleepers.add(at, () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    });
    signal?.addEventListener("abort", stop, { once: true });
  });
}

type Sleepers = ReturnType<typeof orderedSleepers>;

/** Sorted so that the next one is last; equal times wake in the order in which they fell asleep. */
function orderedSleepers() {
  const sorted: Sleeper[] = [];
  let order = 0;

  /** The first place whose sleeper wakes no later than `sleeper`: its own, if it is there. */
  function placeOf(sleeper: Sleeper): number {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = sorted[middle] as Sleeper;
      if ((other.at - sleeper.at || other.order - sleeper.order) > 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    first: () => sorted.at(-1),
    pop: () => sorted.pop(),
    add(at: number, wake: () => void): Sleeper {
      const sleeper = { at, order: order++, wake };
      sorted.splice(placeOf(sleeper), 0, sleeper);
      return sleeper;
    },
    remove(sleeper: Sleeper): void {
      const place = placeOf(sleeper);
      if (sorted[place] === sleeper) sorted.splice(place, 1);
    },
  };
}
