import type { DatabaseSync } from "node:sqlite";
import type { KeyStore } from "../../../shared/ports/service-store.ts";
import { ApiKeyRow } from "../../../shared/schemas/service.ts";
import type { Write } from "./group-commit.ts";
import { newestFirst } from "./service-paging.ts";

export function sqliteKeys(database: DatabaseSync, write: Write): KeyStore {
  const insert = database.prepare(
    "INSERT INTO api_keys (key_id, created_at, row) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const select = database.prepare("SELECT row, revoked_at FROM api_keys WHERE key_id = ?");
  const revoke = database.prepare("UPDATE api_keys SET revoked_at = ? WHERE key_id = ? AND revoked_at IS NULL");
  const list = newestFirst(database, { table: "api_keys", id: "key_id" }, keyFrom);

  return {
    create: ({ revokedAt, ...key }) =>
      write(() => {
        const { changes } = insert.run(key.keyId, key.createdAt, JSON.stringify(key));
        if (changes === 0) return { outcome: "already_there" };
        if (revokedAt !== undefined) revoke.run(revokedAt, key.keyId);
        return { outcome: "written" };
      }),
    async get(keyId) {
      const found = select.get(keyId);
      return found && keyFrom(found);
    },
    list: async (page) => list(page),
    revoke: (keyId, at) =>
      write(() => {
        if (revoke.run(at, keyId).changes === 1) return { outcome: "revoked" };
        return { outcome: select.get(keyId) === undefined ? "unknown_key" : "already_revoked" };
      }),
  };
}

/** Keys open doors: each is checked against the schema, so an edited file is told at once. */
function keyFrom(found: Record<string, unknown>): ApiKeyRow {
  const revokedAt = found["revoked_at"];
  return ApiKeyRow.parse({ ...JSON.parse(found["row"] as string), ...(revokedAt === null ? {} : { revokedAt }) });
}
