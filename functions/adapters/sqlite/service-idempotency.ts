import type { DatabaseSync } from "node:sqlite";
import type { IdempotencyStore } from "../../../shared/ports/service-store.ts";
import type { IdempotencyRow } from "../../../shared/schemas/service.ts";
import type { Write } from "./group-commit.ts";

export function sqliteIdempotency(database: DatabaseSync, write: Write): IdempotencyStore {
  const begin = database.prepare(
    `INSERT INTO requests (key, body_hash, state, lease_until, expires_at, response) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET body_hash = excluded.body_hash, state = excluded.state,
         lease_until = excluded.lease_until, expires_at = excluded.expires_at, response = excluded.response
       WHERE expires_at <= ? OR (state = 'in_progress' AND lease_until <= ?)`,
  );
  const select = database.prepare("SELECT * FROM requests WHERE key = ?");
  const finish = database.prepare(
    "UPDATE requests SET state = 'done', response = ? WHERE key = ? AND body_hash = ? AND state = 'in_progress'",
  );
  const forget = database.prepare("DELETE FROM requests WHERE key = ?");
  const sweep = database.prepare("DELETE FROM requests WHERE expires_at <= ?");

  return {
    begin: ({ key, bodyHash, state, leaseUntil, expiresAt, response }, now) =>
      write(() => {
        const answer = response === undefined ? null : JSON.stringify(response);
        const { changes } = begin.run(key, bodyHash, state, leaseUntil, expiresAt, answer, now, now);
        if (changes === 1) return { outcome: "begun" };
        return { outcome: "known", row: rowFrom(select.get(key) as Record<string, unknown>) };
      }),
    finish: (key, bodyHash, response) => write(() => void finish.run(JSON.stringify(response), key, bodyHash)),
    forget: (key) => write(() => void forget.run(key)),
    sweep: (now) => write(() => ({ deleted: Number(sweep.run(now).changes) })),
  };
}

function rowFrom(found: Record<string, unknown>): IdempotencyRow {
  const response = found["response"] as string | null;
  return {
    key: found["key"] as string,
    bodyHash: found["body_hash"] as string,
    state: found["state"] as IdempotencyRow["state"],
    leaseUntil: found["lease_until"] as number,
    expiresAt: found["expires_at"] as number,
    ...(response === null ? {} : { response: JSON.parse(response) }),
  };
}
