/** Who waits for news of a run, in this process. */
export type RunWaiters = {
  /** Resolves at the next `wake` of the run or when `signal` is aborted; leaves nothing behind either way. */
  wait(runId: string, signal: AbortSignal): Promise<void>;
  wake(runId: string): void;
  wakeAll(): void;
};

export function runWaiters(): RunWaiters {
  const waiting = new Map<string, Set<() => void>>();

  function wake(runId: string): void {
    for (const resolve of waiting.get(runId) ?? []) resolve();
  }

  function add(runId: string, resolve: () => void): void {
    const others = waiting.get(runId) ?? new Set();
    waiting.set(runId, others.add(resolve));
  }

  function remove(runId: string, resolve: () => void): void {
    const others = waiting.get(runId);
    others?.delete(resolve);
    if (others?.size === 0) waiting.delete(runId);
  }

  return {
    wait: (runId, signal) =>
      new Promise<void>((done) => {
        if (signal.aborted) return done();
        const resolve = () => {
          remove(runId, resolve);
          signal.removeEventListener("abort", resolve);
          done();
        };
        signal.addEventListener("abort", resolve);
        add(runId, resolve);
      }),
    wake,
    wakeAll() {
      for (const runId of [...waiting.keys()]) wake(runId);
    },
  };
}
