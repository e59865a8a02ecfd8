import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { askedPauseMs, retryDelayMs } from "../../../functions/adapters/openai/retry.ts";

const NOW = Date.parse("2026-11-23T10:00:00Z");

const PAUSES: { case: string; headers: Record<string, string>; ms: number | undefined }[] = [
  { case: "seconds", headers: { "retry-after": "7" }, ms: 7000 },
  { case: "a part of a second", headers: { "retry-after": "0.5" }, ms: 500 },
  { case: "an HTTP date", headers: { "retry-after": "Mon, 23 Nov 2026 10:00:20 GMT" }, ms: 20_000 },
  { case: "a date that is over", headers: { "retry-after": "Mon, 23 Nov 2026 09:00:00 GMT" }, ms: 0 },
  { case: "milliseconds before seconds", headers: { "retry-after-ms": "250", "retry-after": "7" }, ms: 250 },
  { case: "nonsense", headers: { "retry-after": "soon" }, ms: undefined },
  { case: "a negative number", headers: { "retry-after-ms": "-3" }, ms: undefined },
  { case: "nothing", headers: {}, ms: undefined },
];
for (const { case: name, headers, ms } of PAUSES) {
  test(`reads the pause a server asks for: ${name}`, () => {
    assert.equal(askedPauseMs(new Headers(headers), NOW), ms);
  });
}

test("waits at least what the server asks for, and at most a doubling bound more", () => {
  const uniform = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.nat(20), fc.option(fc.nat(100_000), { nil: undefined }), uniform, (attempt, asked, drawn) => {
      const delay = retryDelayMs(attempt, asked, () => drawn);
      assert.ok(delay >= (asked ?? 0) && delay <= (asked ?? 0) + Math.min(30_000, 500 * 2 ** attempt));
    }),
  );
});

test("draws the whole range, so that clients refused together do not come back together", () => {
  assert.deepEqual(
    [0, 0.5, 0.999].map((drawn) => retryDelayMs(2, undefined, () => drawn)),
    [0, 1000, 1998],
  );
});
