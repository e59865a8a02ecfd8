import assert from "node:assert/strict";
import { test } from "node:test";
import { type ApiKeyRow, KEY_LIMITS } from "../../shared/schemas/service.ts";
import type { WithService } from "./service-store.ts";

export function keysContract(within: WithService): void {
  test(
    "keeps a key once, as it was written",
    within(async ({ keys }) => {
      const key = keyRow("a", { name: "Zoë's key ✓", expiresAt: 9 });
      assert.deepEqual(await keys.create(key), { outcome: "written" });
      assert.deepEqual(await keys.create(keyRow("a", { name: "late" })), { outcome: "already_there" });
      assert.deepEqual(await keys.get(key.keyId), key);
      assert.equal(await keys.get("nobody"), undefined);
      const revoked = keyRow("b", { revokedAt: 7 });
      await keys.create(revoked);
      assert.deepEqual(await keys.get(revoked.keyId), revoked);
    }),
  );

  test(
    "revokes a key once and keeps the first time",
    within(async ({ keys }) => {
      const { keyId } = keyRow("a");
      await keys.create(keyRow("a"));
      const outcomes = await Promise.all([5, 6, 7].map((at) => keys.revoke(keyId, at)));
      assert.deepEqual(
        outcomes.map(({ outcome }) => outcome),
        ["revoked", "already_revoked", "already_revoked"],
      );
      assert.equal((await keys.get(keyId))?.revokedAt, 5);
      assert.deepEqual(await keys.revoke("nobody", 5), { outcome: "unknown_key" });
    }),
  );

  test(
    "lists keys newest first with the revoked ones, in pages that newer keys do not shift",
    within(async ({ keys }) => {
      for (const [name, createdAt] of Object.entries({ a: 1, b: 3, c: 2, d: 2 })) {
        await keys.create(keyRow(name, { createdAt }));
      }
      await keys.revoke(keyRow("b").keyId, 5);
      const first = await keys.list({ limit: 2 });
      await keys.create(keyRow("e", { createdAt: 9 }));
      const second = await keys.list({ limit: 2, cursor: first.cursor as string });
      assert.deepEqual([...first.items, ...second.items].map(nameOf), ["b", "d", "c", "a"]);
      assert.deepEqual([typeof first.cursor, second.cursor], ["string", undefined]);
      await assert.rejects(keys.list({ limit: 0 }), /limit 0/);
      await assert.rejects(keys.list({ limit: 5, cursor: "made up" }), /cursor "made up"/);
    }),
  );
}

function keyRow(name: string, facts: Partial<ApiKeyRow> = {}): ApiKeyRow {
  return {
    keyId: name.padStart(12, "0"),
    hash: "ab".repeat(32),
    name,
    scopes: ["chat", "runs:read"],
    limits: KEY_LIMITS,
    createdAt: 1,
    ...facts,
  };
}

const nameOf = ({ name }: ApiKeyRow): string => name;
