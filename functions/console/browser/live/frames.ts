/** Many small pieces of news, handed over at most once a frame. */

const HIDDEN_MS = 1000; // a hidden tab draws no frames, and its queue must not grow without end

export type Frames<T> = {
  add(item: T): void;
  /** Hands over at once what waits. */
  flush(): void;
  stop(): void;
};

export function perFrame<T>(take: (items: T[]) => void): Frames<T> {
  let waiting: T[] = [];
  let frame = 0;
  let timer = 0;
  const stop = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  const flush = () => {
    stop();
    const items = waiting;
    waiting = [];
    if (items.length > 0) take(items);
  };
  return {
    add(item) {
      waiting.push(item);
      if (waiting.length > 1) return;
      frame = requestAnimationFrame(flush);
      timer = window.setTimeout(flush, HIDDEN_MS);
    },
    flush,
    stop,
  };
}
