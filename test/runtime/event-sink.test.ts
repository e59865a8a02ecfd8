import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { memoryServiceStore } from "../../functions/adapters/memory/service.ts";
import { openEventSinks } from "../../functions/runtime/event-sink.ts";
import type { EventLog } from "../../shared/ports/service-store.ts";
import type { RunEvent } from "../../shared/schemas/events.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const replies = (stage: "generate" | "score", completed: number, cached = 0): RunEvent => ({
  kind: "replies",
  passId: "1.train",
  stage,
  completed,
  cached,
});
const money = (settledMicros: number): RunEvent => ({
  kind: "money",
  settledMicros,
  reservedMicros: 0,
  budgetMicros: 9,
});
const paired = (round: number): RunEvent => ({ kind: "paired", round, pairs: 1, samples: 1 });

const told = async (log: EventLog) => (await log.read("run", { after: 0, limit: 1000 })).map(({ event }) => event);

test("a thousand replies within a moment are one sum per stage, told four times a second", async () => {
  const log = memoryServiceStore().events;
  const clock = virtualClock();
  const sink = openEventSinks(log, clock).of("run");
  for (let reply = 0; reply < 1000; reply++)
    sink.emit(replies(reply % 2 === 0 ? "generate" : "score", 1, reply % 5 === 0 ? 1 : 0));
  sink.emit(money(1));
  sink.emit(money(2));
  assert.deepEqual(await told(log), []);
  await clock.advance(250);
  assert.deepEqual(await told(log), [replies("generate", 500, 100), replies("score", 500, 100), money(2)]);
  sink.emit(replies("score", 3));
  await clock.advance(250);
  assert.deepEqual((await told(log)).at(-1), replies("score", 3));
});

const event = fc.oneof(
  fc.nat(9).map((count) => replies("score", count)),
  fc.nat(9).map(money),
  fc.nat(9).map(paired),
);

test("order stays, sums stay, and after a flush nothing is missing", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
      const log = memoryServiceStore().events;
      const sink = openEventSinks(log, virtualClock()).of("run");
      for (const one of events) sink.emit(one);
      await sink.flush();
      const written = (await told(log)) as RunEvent[];
      assert.deepEqual(
        written.filter(({ kind }) => kind === "paired"),
        events.filter(({ kind }) => kind === "paired"),
      );
      for (const cut of [written, written.slice(0, written.findLastIndex(({ kind }) => kind === "paired") + 1)]) {
        const marks = cut.filter(({ kind }) => kind === "paired").length;
        const upTo = cut === written ? events : events.slice(0, placeOf(events, marks));
        assert.equal(sum(cut), sum(upTo), "what came before a mark is told before it");
      }
    }),
  );
});

const sum = (events: readonly RunEvent[]): number =>
  events.reduce((total, one) => total + (one.kind === "replies" ? one.completed : 0), 0);

/** Behind the mark with this number, from 1; 0 for none. */
function placeOf(events: readonly RunEvent[], marks: number): number {
  let seen = 0;
  return marks === 0 ? 0 : events.findIndex(({ kind }) => kind === "paired" && ++seen === marks) + 1;
}

test("what could not be written is told by flush, and written with the next events", async () => {
  const log = memoryServiceStore().events;
  let broken = true;
  const append: EventLog["append"] = async (runId, entries) => {
    if (broken) throw new Error("the disk is full");
    return log.append(runId, entries);
  };
  const sink = openEventSinks({ append }, virtualClock()).of("run");
  sink.emit(paired(1));
  await assert.rejects(sink.flush(), /disk is full/);
  broken = false;
  sink.emit(paired(2));
  await sink.flush();
  assert.deepEqual(await told(log), [paired(1), paired(2)]);
});
