/** Runs the children of a Parallel or Map state, several at a time. */
import { Branch, type ChildStart } from "./branch.ts";
import { INTERRUPTED, Interrupted } from "./errors.ts";
import type { FrameEnd } from "./store.ts";

type Children = {
  count: number;
  concurrency: number;
  /** What child `number` starts with; not asked for children that a run before a crash finished. */
  start: (number: number) => Promise<Omit<ChildStart, "signal">>;
  /** Hears of every end once per process; `stop` interrupts the others and starts no more. */
  ended: (number: number, end: FrameEnd) => "go on" | "stop";
};

/** @throws Interrupted when the parent is interrupted; whatever a child throws beside its own failure */
export async function runChildren(parent: Branch, children: Children): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([parent.signal, stop.signal]);
  const finished = parent.runtime.store.endsBelow(parent.frame.execution, parent.frame.path);
  const faults: unknown[] = [];
  let next = 0;

  async function endOf(number: number): Promise<FrameEnd> {
    const known = finished.get(number);
    if (known !== undefined) return known;
    const child = parent.child(number, { ...(await children.start(number)), signal });
    return child instanceof Branch ? parent.runtime.run(child) : child;
  }

  async function lane(): Promise<void> {
    while (next < children.count && !signal.aborted) {
      const number = next++;
      if (children.ended(number, await endOf(number)) === "stop") stop.abort();
    }
  }

  async function guardedLane(): Promise<void> {
    try {
      await lane();
    } catch (error) {
      if (!(error instanceof Interrupted)) faults.push(error);
      stop.abort();
    }
  }

  await Promise.all(Array.from({ length: Math.min(children.concurrency, children.count) }, guardedLane));
  if (parent.signal.aborted) throw INTERRUPTED;
  if (faults.length > 0) throw faults[0];
}
