/** Results of concurrent work, handed out one by one as they arrive. */
export type Arrivals<T> = {
  add(item: T): void;
  /** Ends the handing out with an exception. */
  fail(error: unknown): void;
  /** The next `count` items; ends early when the signal aborts. */
  take(count: number, signal: AbortSignal): AsyncGenerator<T, void, void>;
};

export function arrivals<T>(): Arrivals<T> {
  const ready: T[] = [];
  let failed: { error: unknown } | undefined;
  let wake = () => {};

  async function* take(count: number, signal: AbortSignal) {
    for (let taken = 0; taken < count; ) {
      if (failed !== undefined) throw failed.error;
      if (signal.aborted) return;
      const item = ready.shift();
      if (item === undefined) {
        await newArrival(signal);
      } else {
        taken++;
        yield item;
      }
    }
  }

  function newArrival(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      wake = () => {
        signal.removeEventListener("abort", wake);
        resolve();
      };
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  return {
    add(item) {
      ready.push(item);
      wake();
    },
    fail(error) {
      failed = { error };
      wake();
    },
    take,
  };
}
