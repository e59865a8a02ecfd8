/** Lets so many runs work at once; the others wait in the order they came. */
import type { RunStopped } from "./endings.ts";
import type { RunWork } from "./run-control.ts";

export type RunQueue = Omit<RunWork, "add"> & {
  add(runId: string): void;
  /** Stops all with this reason and starts none any more. */
  close(reason: RunStopped): Promise<void>;
};

type Active = { stop: AbortController; done: Promise<void> };

/** @param work must not reject */
export function runQueue(places: number, work: (runId: string, signal: AbortSignal) => Promise<void>): RunQueue {
  const waiting: string[] = [];
  const active = new Map<string, Active>();
  let closed = false;

  function fill(): void {
    while (!closed && active.size < places) {
      const runId = waiting.shift();
      if (runId === undefined) return;
      begin(runId);
    }
  }

  function begin(runId: string): void {
    const stop = new AbortController();
    const done = work(runId, stop.signal).finally(() => {
      active.delete(runId);
      fill();
    });
    active.set(runId, { stop, done });
  }

  return {
    add(runId) {
      if (waiting.includes(runId) || active.has(runId)) return;
      waiting.push(runId);
      fill();
    },
    remove(runId) {
      const at = waiting.indexOf(runId);
      if (at >= 0) waiting.splice(at, 1);
      return at >= 0;
    },
    async stop(runId, reason) {
      const found = active.get(runId);
      found?.stop.abort(reason);
      await found?.done;
      return found !== undefined;
    },
    async ended(runId) {
      await active.get(runId)?.done;
    },
    async close(reason) {
      closed = true;
      const left = [...active.values()];
      for (const { stop } of left) stop.abort(reason);
      await Promise.all(left.map(({ done }) => done));
    },
  };
}
