/** Virtual time without promises: what happens when, in order. A million events take a second. */
export type EventQueue = {
  /** Seconds since the start. */
  now(): number;
  /** Equal times happen in the order in which they were told. */
  after(seconds: number, act: () => void): void;
  /** Until nothing is left to happen. */
  run(): void;
};

type Event = { at: number; order: number; act: () => void };

const earlier = (a: Event, b: Event) => a.at < b.at || (a.at === b.at && a.order < b.order);

export function eventQueue(): EventQueue {
  const heap: Event[] = [];
  let now = 0;
  let order = 0;

  function push(event: Event): void {
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!earlier(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  function pop(): Event | undefined {
    const first = heap[0];
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) sink(last);
    return first;
  }

  /** From the top to its place: below everything earlier. */
  function sink(event: Event): void {
    let at = 0;
    for (let child = earliestBelow(at); child < heap.length; child = earliestBelow(at)) {
      if (!earlier(heap[child]!, event)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = event;
  }

  function earliestBelow(at: number): number {
    const [left, right] = [2 * at + 1, 2 * at + 2];
    return right < heap.length && earlier(heap[right]!, heap[left]!) ? right : left;
  }

  return {
    now: () => now,
    after: (seconds, act) => push({ at: now + Math.max(0, seconds), order: order++, act }),
    run() {
      for (let next = pop(); next !== undefined; next = pop()) {
        now = next.at;
        next.act();
      }
    },
  };
}
