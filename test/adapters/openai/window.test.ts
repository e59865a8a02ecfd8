import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { afterOverload, afterSuccess, firstWindow, type Window } from "../../../functions/adapters/openai/window.ts";

type Call = { attempt: number; endsAt: number; refused: boolean };

/**
 * A server that refuses at once what goes over its limit and answers the rest after 100 ms, fed by a client that
 * always has more to ask. Returns the window after every event.
 */
function simulated(serverLimit: number, ceiling: number, events: number): { windows: Window[]; refused: number } {
  let window = firstWindow(ceiling);
  let now = 0;
  let attempts = 0;
  let calls: Call[] = [];
  let refused = 0;
  const windows: Window[] = [];
  while (windows.length < events) {
    while (calls.length < Math.floor(window.limit)) {
      const over = calls.filter((call) => !call.refused).length >= serverLimit;
      calls.push({ attempt: attempts++, endsAt: now + (over ? 1 : 100 + (attempts % 7)), refused: over });
    }
    const next = calls.reduce((first, call) => (call.endsAt < first.endsAt ? call : first));
    now = next.endsAt;
    if (next.refused) refused++;
    window = next.refused ? afterOverload(window, next.attempt, attempts) : afterSuccess(window, calls.length);
    calls = calls.filter((call) => call !== next);
    windows.push(window);
  }
  return { windows, refused };
}

for (const serverLimit of [1, 3, 10, 40]) {
  test(`finds the limit of a server that takes ${serverLimit} requests at once and stays near it`, () => {
    const { windows, refused } = simulated(serverLimit, 256, 4000);
    const settled = windows.slice(2000).map(({ limit }) => limit);
    const mean = settled.reduce((sum, limit) => sum + limit, 0) / settled.length;
    assert.ok(mean >= serverLimit * 0.6 && mean <= serverLimit + 1.5, `mean window ${mean}`);
    assert.ok(Math.max(...settled) <= serverLimit + 2, `widest ${Math.max(...settled)}`);
    if (serverLimit >= 10) assert.ok(refused / 4000 < 0.1, `${refused} refused`);
  });
}

test("reaches the ceiling of a server without a limit and stays there", () => {
  const { windows, refused } = simulated(1000, 64, 500);
  assert.deepEqual([windows.at(-1)?.limit, refused], [64, 0]);
});

test("halves once for all requests that were in flight together", () => {
  const wide: Window = { limit: 32, ceiling: 64, threshold: 64, cutAt: 0 };
  const cut = Array.from({ length: 32 }, (_, attempt) => attempt).reduce(
    (window, attempt) => afterOverload(window, attempt, 32),
    wide,
  );
  assert.equal(cut.limit, 16);
  assert.equal(afterOverload(cut, 32, 40).limit, 8);
});

test("does not widen a window that was not full", () => {
  const window = firstWindow(64);
  assert.deepEqual(afterSuccess(window, window.limit - 1), window);
});

test("stays between one and the ceiling whatever happens", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.array(fc.boolean(), { maxLength: 500 }), (ceiling, successes) => {
      let window = firstWindow(ceiling);
      for (const [attempt, success] of successes.entries()) {
        window = success ? afterSuccess(window, Math.floor(window.limit)) : afterOverload(window, attempt, attempt + 1);
        assert.ok(window.limit >= 1 && window.limit <= ceiling);
      }
    }),
  );
});
