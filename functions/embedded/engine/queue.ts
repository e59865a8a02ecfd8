/** A hand-over from callbacks to an async iteration. */
export function pushQueue<T>() {
  const waiting: T[] = [];
  let ended = false;
  let failure: { error: unknown } | undefined;
  let wake = () => {};

  const wait = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });

  /** What has been pushed since the last call; `undefined` at the end. A failure is thrown after what came before it. */
  async function take(signal: AbortSignal): Promise<T[] | undefined> {
    while (waiting.length === 0) {
      if (signal.aborted) return undefined; // before the failure: work that is stopped may end by throwing
      if (failure) throw failure.error;
      if (ended) return undefined;
      await wait();
    }
    return waiting.splice(0);
  }

  /** Everything pushed, in order, until the end. An abort ends it early. */
  async function* items(signal: AbortSignal): AsyncGenerator<T> {
    const onAbort = () => wake();
    signal.addEventListener("abort", onAbort);
    try {
      let ready = await take(signal);
      while (ready && !signal.aborted) {
        yield* ready;
        ready = await take(signal);
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
  return {
    items,
    push: (item: T) => {
      waiting.push(item);
      wake();
    },
    end: () => {
      ended = true;
      wake();
    },
    fail: (error: unknown) => {
      failure = { error };
      wake();
    },
  };
}

/**
 * What `work` sends, each item as soon as it is sent; ends with the work, throws what it throws. The signal that the work
 * gets is also raised when nobody takes the items any more; the iteration then ends when the work has stopped.
 */
export async function* eachAsItEnds<T>(
  signal: AbortSignal,
  work: (send: (item: T) => void, signal: AbortSignal) => Promise<void>,
): AsyncGenerator<T> {
  const queue = pushQueue<T>();
  const left = new AbortController();
  let working: Promise<void> | undefined;
  try {
    if (signal.aborted) return;
    working = work(queue.push, AbortSignal.any([signal, left.signal])).then(queue.end, queue.fail);
    yield* queue.items(signal);
  } finally {
    left.abort();
    await working;
  }
}
