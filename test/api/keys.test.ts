import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { memoryServiceStore } from "../../functions/adapters/memory/service.ts";
import { keyIdOf, newKey, secureBytes } from "../../functions/api/keys/new-key.ts";
import { anonymousPrincipal, mayDo, principalOf, refusalProblem } from "../../functions/api/keys/principal.ts";
import { ANONYMOUS_LIMITS, type ApiKeyRow, KEY_LIMITS, Scope } from "../../shared/schemas/service.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const NOW = 1_800_000_000_000;

/** A store with one key in it, and a door to ask at. */
async function storeWithKey(facts: Partial<ApiKeyRow> = {}) {
  const { keys } = memoryServiceStore();
  const { key, keyId, hash } = newKey(secureBytes);
  await keys.create({ keyId, hash, name: "n", scopes: ["chat"], limits: KEY_LIMITS, createdAt: NOW, ...facts });
  const clock = virtualClock(NOW);
  return { key, keyId, keys, ask: (header: string | undefined) => principalOf(header, { keys, clock }) };
}

test("a new key has 256 random bits, tells its id, and is told by its hash only", () => {
  const { key, keyId, hash } = newKey(secureBytes);
  assert.match(key, /^rlk_[0-9a-z]{12}_[A-Za-z0-9_-]{43}$/);
  assert.equal(key.length, 60);
  assert.equal(keyIdOf(key), keyId);
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.equal(new Set(Array.from({ length: 200 }, () => newKey(secureBytes).key)).size, 200);
});

test("random bytes that would favour some digits of an id are drawn again", () => {
  const drawn = [Uint8Array.of(252, 255, 251, 0, 36, 254, 253, 71, 1, 2, 3, 4), new Uint8Array(12).fill(10)];
  const random = (count: number) => drawn.shift() ?? new Uint8Array(count);
  assert.equal(newKey(random).keyId, "z00z1234aaaa");
});

test("who sends a key is known by its id, scopes and limits", async () => {
  const limits = { ...KEY_LIMITS, usdPerDay: 5 };
  const { key, keyId, ask } = await storeWithKey({ scopes: ["chat", "runs:read"], limits, expiresAt: NOW + 1 });
  const principal = { id: `key_${keyId}`, kind: "key", scopes: ["chat", "runs:read"], limits };
  assert.deepEqual(await ask(`Bearer ${key}`), { outcome: "known", principal });
  assert.deepEqual(await ask(`bearer  ${key} `), { outcome: "known", principal });
});

test("every way a key can be wrong has a name of its own", async () => {
  const { key, ask } = await storeWithKey();
  const other = newKey(secureBytes).key;
  const lastChanged = `${key.slice(0, -1)}${key.endsWith("A") ? "B" : "A"}`;
  const headers = {
    no_key: [undefined, "", " "],
    malformed: [key, `Basic ${key}`, "Bearer", "Bearer sk-123", `Bearer ${key}x`, `Bearer ${key} ${key}`],
    unknown: [`Bearer ${other}`, `Bearer ${lastChanged}`],
  };
  for (const [outcome, wrong] of Object.entries(headers)) {
    for (const header of wrong) assert.deepEqual(await ask(header), { outcome }, header);
  }
});

test("a revoked or expired key opens nothing, which only its holder is told", async () => {
  const revoked = await storeWithKey();
  await revoked.keys.revoke(revoked.keyId, NOW - 5);
  assert.deepEqual(await revoked.ask(`Bearer ${revoked.key}`), { outcome: "revoked", at: NOW - 5 });
  const guessed = `rlk_${revoked.keyId}_${"A".repeat(43)}`;
  assert.deepEqual(await revoked.ask(`Bearer ${guessed}`), { outcome: "unknown" });

  const expired = await storeWithKey({ expiresAt: NOW });
  assert.deepEqual(await expired.ask(`Bearer ${expired.key}`), { outcome: "expired", at: NOW });
});

test("a refused sender is told what to do, and never their key", async () => {
  const { key, ask, keys, keyId } = await storeWithKey();
  await keys.revoke(keyId, NOW);
  const refused = await ask(`Bearer ${key}`);
  assert.ok(refused.outcome === "revoked");
  const problem = refusalProblem(refused);
  assert.deepEqual([problem.status, problem.code], [401, "key.revoked"]);
  assert.equal(problem.detail, "This API key was revoked (2027-01-15T08:00:00.000Z).");
  assert.ok(!JSON.stringify(problem).includes(key));
});

test("a client without a key is the same one in its whole IPv6 network, and another elsewhere", () => {
  const idOf = (address: string | undefined) => anonymousPrincipal(address, "salt").id;
  assert.equal(idOf("2001:db8:1:2::1"), idOf("2001:db8:1:2:ffff::9"));
  assert.notEqual(idOf("2001:db8:1:2::1"), idOf("2001:db8:1:3::1"));
  assert.equal(idOf("203.0.113.7"), idOf("::ffff:203.0.113.7"));
  assert.notEqual(idOf("203.0.113.7"), idOf("203.0.113.8"));
  assert.equal(idOf(undefined), idOf("not an address"));
  assert.notEqual(idOf("203.0.113.7"), anonymousPrincipal("203.0.113.7", "other").id);
  assert.deepEqual(anonymousPrincipal("203.0.113.7", "salt"), {
    id: idOf("203.0.113.7"),
    kind: "anonymous",
    scopes: ["chat"],
    limits: ANONYMOUS_LIMITS,
  });
});

test("an anonymous id never holds the address", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.string(), (address, salt) => {
      assert.match(anonymousPrincipal(address, salt).id, /^anon_[0-9a-f]{16}$/);
    }),
  );
});

test("admin may do everything, others what their scopes say", () => {
  for (const scope of Scope.options) {
    assert.equal(mayDo({ scopes: ["admin"] }, scope), true);
    assert.equal(mayDo({ scopes: ["runs:read"] }, scope), scope === "runs:read");
  }
});
