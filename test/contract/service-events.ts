import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { EventLog } from "../../shared/ports/service-store.ts";
import type { WithService } from "./service-store.ts";

export function eventLogContract(within: WithService): void {
  test(
    "numbers the events of each run from 1 in the order they came",
    within(async ({ events }) => {
      assert.equal(await events.append("a", [told(1, "x"), told(2, "y")]), 2);
      assert.equal(await events.append("b", [told(3, "other")]), 1);
      assert.equal(await events.append("a", [told(4, "z")]), 3);
      assert.equal(await events.append("a", []), 3);
      assert.equal(await events.append("nobody", []), 0);
      assert.deepEqual(await events.read("a", { after: 0, limit: 10 }), [
        { runId: "a", seq: 1, ...told(1, "x") },
        { runId: "a", seq: 2, ...told(2, "y") },
        { runId: "a", seq: 3, ...told(4, "z") },
      ]);
    }),
  );

  test(
    "reads on from where a reader was, in pages",
    within(async ({ events }) => {
      const all = Array.from({ length: 5 }, (_, index) => told(index, `${index}`));
      await events.append("a", all);
      const seqs = async (after: number, limit: number) =>
        (await events.read("a", { after, limit })).map(({ seq }) => seq);
      assert.deepEqual(await seqs(0, 2), [1, 2]);
      assert.deepEqual(await seqs(2, 2), [3, 4]);
      assert.deepEqual(await seqs(4, 2), [5]);
      assert.deepEqual(await seqs(5, 2), []);
      assert.deepEqual(await events.read("nobody", { after: 0, limit: 1 }), []);
      await assert.rejects(events.read("a", { after: 0, limit: 0 }), /limit 0/);
    }),
  );

  test(
    "gives appends that race each other different numbers without gaps",
    within(async ({ events }) => {
      const lasts = await Promise.all(Array.from({ length: 30 }, (_, at) => events.append("a", [told(at, "x")])));
      const expected = Array.from({ length: 30 }, (_, at) => at + 1);
      assert.deepEqual(
        lasts.toSorted((a, b) => a - b),
        expected,
      );
      const stored = await events.read("a", { after: 0, limit: 100 });
      assert.deepEqual(
        stored.map(({ seq }) => seq),
        expected,
      );
    }),
  );

  test(
    "wakes all who wait for a run, and leaves no listener behind",
    within(async ({ events }) => {
      const { signal } = new AbortController();
      await events.append("a", [told(1, "x")]);
      const waiting = [1, 1, 1].map((after) => events.changed("a", after, signal));
      await events.append("a", [told(2, "y")]);
      await Promise.all(waiting);
      assert.equal(getEventListeners(signal, "abort").length, 0);
    }),
  );

  test(
    "does not wait for an event that is there already",
    within(async ({ events }) => {
      await events.append("a", [told(1, "x")]);
      await events.changed("a", 0, new AbortController().signal);
    }),
  );

  test(
    "waits while nothing happens, and stops at once when the reader goes away",
    within(async ({ events }) => {
      const reader = new AbortController();
      const woken = settledFlag(events.changed("a", 0, reader.signal));
      await events.append("b", [told(1, "x")]);
      await nextTurn();
      assert.equal(woken.settled, false);
      reader.abort();
      await woken.done;
      assert.equal(getEventListeners(reader.signal, "abort").length, 0);
      await events.changed("a", 0, reader.signal);
    }),
  );

  test(
    "misses nothing however reading, waiting and appending meet",
    within(async ({ events }) => {
      const reader = readUpTo(events, 40);
      for (let at = 0; at < 40; at++) {
        if (at % 3 === 0) await nextTurn();
        void events.append("a", [told(at, "x")]);
      }
      assert.deepEqual(
        await reader,
        Array.from({ length: 40 }, (_, at) => at),
      );
    }),
  );
}

/** Reads as a stream of events does: what is there, then waits for more. Gives the times of the first `count`. */
export async function readUpTo(events: EventLog, count: number): Promise<number[]> {
  const times: number[] = [];
  const { signal } = new AbortController();
  while (times.length < count) {
    const rows = await events.read("a", { after: times.length, limit: 7 });
    times.push(...rows.map(({ at }) => at));
    if (rows.length === 0) await events.changed("a", times.length, signal);
  }
  return times;
}

function told(at: number, text: string) {
  return { at, event: { kind: "run", text } };
}

function settledFlag(work: Promise<void>) {
  const flag = { settled: false, done: work };
  void work.then(() => {
    flag.settled = true;
  });
  return flag;
}
