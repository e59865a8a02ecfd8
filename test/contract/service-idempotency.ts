import assert from "node:assert/strict";
import { test } from "node:test";
import type { IdempotencyRow } from "../../shared/schemas/service.ts";
import type { WithService } from "./service-store.ts";

const ANSWER = { status: 201, headers: { "content-type": "application/json" }, body: '{"a":"ü"}' };

export function idempotencyContract(within: WithService): void {
  test(
    "lets exactly one of many equal requests begin, and shows it to the others",
    within(async ({ idempotency }) => {
      const results = await Promise.all(Array.from({ length: 20 }, () => idempotency.begin(requestRow(), 0)));
      const begun = results.filter(({ outcome }) => outcome === "begun");
      const known = results.filter(({ outcome }) => outcome === "known");
      assert.deepEqual([begun.length, known.length], [1, 19]);
      assert.deepEqual(known[0], { outcome: "known", row: requestRow() });
    }),
  );

  test(
    "keeps the answer until it expires, though the lease was over before",
    within(async ({ idempotency }) => {
      await idempotency.begin(requestRow(), 0);
      await idempotency.finish("k", "hash", ANSWER);
      const done = { ...requestRow(), state: "done" as const, response: ANSWER };
      assert.deepEqual(await idempotency.begin(requestRow({ bodyHash: "other" }), 99), { outcome: "known", row: done });
      assert.deepEqual(await idempotency.begin(requestRow(), 100), { outcome: "begun" });
      assert.deepEqual(await idempotency.begin(requestRow(), 9), { outcome: "known", row: requestRow() });
    }),
  );

  test(
    "lets another begin when the lease is over, and ignores the first one's late answer to another body",
    within(async ({ idempotency }) => {
      await idempotency.begin(requestRow(), 0);
      const second = requestRow({ bodyHash: "other", leaseUntil: 20 });
      assert.deepEqual(await idempotency.begin(second, 10), { outcome: "begun" });
      await idempotency.finish("k", "hash", ANSWER);
      assert.deepEqual(await idempotency.begin(second, 11), { outcome: "known", row: second });
    }),
  );

  test(
    "does not change an answer that is there, nor invent one for a request nobody began",
    within(async ({ idempotency }) => {
      await idempotency.finish("k", "hash", ANSWER);
      assert.deepEqual(await idempotency.begin(requestRow(), 0), { outcome: "begun" });
      await idempotency.finish("k", "hash", ANSWER);
      await idempotency.finish("k", "hash", { ...ANSWER, status: 500 });
      const again = await idempotency.begin(requestRow(), 0);
      assert.deepEqual(again.outcome === "known" && again.row.response, ANSWER);
    }),
  );

  test(
    "forgets what it is told to forget, and sweeps what has expired",
    within(async ({ idempotency }) => {
      await idempotency.begin(requestRow(), 0);
      await idempotency.forget("k");
      await idempotency.forget("nobody");
      assert.deepEqual(await idempotency.begin(requestRow(), 0), { outcome: "begun" });
      await idempotency.begin(requestRow({ key: "later", expiresAt: 101 }), 0);
      assert.deepEqual(await idempotency.sweep(100), { deleted: 1 });
      assert.deepEqual(await idempotency.sweep(100), { deleted: 0 });
      assert.equal((await idempotency.begin(requestRow({ key: "later" }), 5)).outcome, "known");
    }),
  );
}

function requestRow(facts: Partial<IdempotencyRow> = {}): IdempotencyRow {
  return { key: "k", bodyHash: "hash", state: "in_progress", leaseUntil: 10, expiresAt: 100, ...facts };
}
