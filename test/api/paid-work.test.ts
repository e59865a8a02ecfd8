import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStateStore } from "../../functions/adapters/memory/state-store.ts";
import { LEASE_MS, openAdmission, type Principal } from "../../functions/api/admission/admission.ts";
import { chargeWhile, lifeOf } from "../../functions/api/paid-work.ts";
import { openPurse } from "../../functions/trust/purse.ts";
import { KEY_LIMITS } from "../../shared/schemas/service.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const WHO: Principal = { id: "key_1", kind: "key", scopes: ["chat"], limits: KEY_LIMITS };
const LIMIT = { tokens: 1000, serverMicros: 1000, computeSeconds: 0 };
const ENDINGS = { gone: () => new Error("gone"), late: (seconds: number) => new Error(`late after ${seconds} s`) };

async function world(limit = LIMIT) {
  const clock = virtualClock(Date.UTC(2026, 10, 23, 9));
  const admission = openAdmission({ ledger: memoryStateStore().ledger, clock });
  const admitted = await admission.admit(WHO, { requestId: "1", tokens: limit.tokens, usdMicros: limit.serverMicros });
  assert.ok(admitted.outcome === "admitted");
  const client = new AbortController();
  const life = lifeOf(limit, client.signal, { ...ENDINGS, clock });
  return { clock, admission, ticket: admitted.ticket, client, life };
}

test("long work keeps its reservation alive and tells what it has spent", async () => {
  const { clock, admission, ticket, life } = await world();
  const purse = { ...openPurse(LIMIT, { clock, sizeOf: () => undefined }), spent: () => ({ tokens: 7, usdMicros: 9 }) };
  chargeWhile(life, { ticket, purse, clock });
  await clock.advance(2 * LEASE_MS);
  const { outcome } = await admission.admit({ ...WHO, id: "key_2" }, { requestId: "2", tokens: 0, usdMicros: 0 });
  assert.equal(outcome, "admitted", "which also closes what the dead hold");
  const { tokens, concurrentRequests } = await admission.usage(WHO);
  assert.deepEqual([tokens.used, tokens.reserved, concurrentRequests.used], [7, LIMIT.tokens - 7, 1]);
  life.end();
  await ticket.settle(purse.spent());
  assert.equal((await admission.usage(WHO)).tokens.reserved, 0);
});

test("work on the embedded engine stops when its time is used up, all work with its client", async () => {
  const { clock, life } = await world({ ...LIMIT, computeSeconds: 300 });
  await clock.advance(299_000);
  assert.equal(life.signal.aborted, false);
  await clock.advance(1000);
  assert.throws(() => life.signal.throwIfAborted(), /late after 300 s/);
  const other = await world();
  other.client.abort();
  assert.throws(() => other.life.signal.throwIfAborted(), /gone/);
});
