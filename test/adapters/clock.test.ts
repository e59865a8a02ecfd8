import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../functions/adapters/clock.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import { virtualClock } from "../support/virtual-clock.ts";

test("the system clock sleeps no shorter than asked, and tells the time of the system", async () => {
  const [started, clock] = [performance.now(), systemClock.now()];
  await systemClock.sleep(15);
  assert.ok(performance.now() - started >= 15);
  assert.ok(Math.abs(clock - Date.now()) < 10_000);
  await systemClock.sleep(0);
});

for (const [name, open] of [
  ["system", () => systemClock],
  ["virtual", () => virtualClock()],
] as const) {
  test(`an aborted sleep of the ${name} clock ends with the signal's reason`, async () => {
    const clock: Clock = open();
    const stop = new AbortController();
    const month = clock.sleep(30 * 86_400_000, stop.signal);
    stop.abort(new Error("Ctrl-C"));
    await assert.rejects(month, /Ctrl-C/);
    await assert.rejects(clock.sleep(5, stop.signal), /Ctrl-C/);
  });
}

test("the virtual clock wakes sleepers in the order of their times, at their times", async () => {
  const clock = virtualClock(1000);
  const woken: string[] = [];
  const sleeper = async (name: string, ms: number, then = 0) => {
    await clock.sleep(ms);
    woken.push(`${name}@${clock.now()}`);
    if (then) await sleeper(`${name}+`, then);
  };
  const all = Promise.all([sleeper("c", 30), sleeper("a", 10, 15), sleeper("b", 20), sleeper("b2", 20)]);
  await clock.advance(25);
  assert.deepEqual(woken, ["a@1010", "b@1020", "b2@1020", "a+@1025"]);
  assert.equal(clock.now(), 1025);
  await clock.run(all);
  assert.deepEqual(woken.slice(4), ["c@1030"]);
});

test("the virtual clock lets a year of work pass in no time", async () => {
  const clock = virtualClock();
  const started = performance.now();
  const days = await clock.run(
    (async () => {
      let days = 0;
      for (; days < 365; days++) await clock.sleep(86_400_000);
      return days;
    })(),
  );
  assert.equal(days, 365);
  assert.equal(clock.now(), 365 * 86_400_000);
  assert.ok(performance.now() - started < 60_000);
});
