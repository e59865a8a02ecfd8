import type { DatabaseSync } from "node:sqlite";
import type { ShardStore } from "../../../shared/ports/state-store.ts";
import type { ShardRow } from "../../../shared/schemas/rows.ts";
import type { Write } from "./group-commit.ts";

const KEY = "run_id = ? AND pass_id = ? AND stage = ? AND shard_id = ?";

export function sqliteShards(database: DatabaseSync, write: Write): ShardStore {
  const add = "INSERT INTO shards (run_id, pass_id, stage, shard_id, state, attempt, row) VALUES (?, ?, ?, ?, ?, ?, ?)";
  const insert = database.prepare(`${add} ON CONFLICT DO NOTHING`);
  const upsert = database.prepare(
    `${add} ON CONFLICT DO UPDATE SET state = excluded.state, attempt = excluded.attempt, row = excluded.row
       WHERE state <> 'done' AND attempt <= excluded.attempt`,
  );
  const stateOf = database.prepare(`SELECT state FROM shards WHERE ${KEY}`);
  const select = database.prepare(`SELECT row FROM shards WHERE ${KEY}`);
  const reopen = database.prepare(
    `UPDATE shards SET state = 'planned', row = json_set(row, '$.state', 'planned') WHERE ${KEY} AND state = 'done'`,
  );
  const list = database.prepare(
    `SELECT row FROM shards WHERE run_id = ?1 AND (?2 IS NULL OR pass_id = ?2) AND (?3 IS NULL OR stage = ?3)
       ORDER BY pass_id, stage, shard_id`,
  );

  return {
    createMany: (rows) =>
      write(() => ({ written: rows.reduce((sum, row) => sum + Number(insert.run(...columnsOf(row)).changes), 0) })),
    put: (row) =>
      write(() => {
        if (upsert.run(...columnsOf(row)).changes === 1) return { outcome: "written" };
        return { outcome: stateOf.get(...keyOf(row))?.["state"] === "done" ? "already_done" : "stale" };
      }),
    reopen: (shards) =>
      write(() => ({ reopened: shards.reduce((sum, shard) => sum + Number(reopen.run(...keyOf(shard)).changes), 0) })),
    async get(shard) {
      const found = select.get(...keyOf(shard));
      return found && shardFrom(found);
    },
    async list({ runId, passId, stage }) {
      return list.all(runId, passId ?? null, stage ?? null).map(shardFrom);
    },
  };
}

function keyOf({ runId, passId, stage, shardId }: Pick<ShardRow, "runId" | "passId" | "stage" | "shardId">) {
  return [runId, passId, stage, shardId] as const;
}

function columnsOf(row: ShardRow) {
  return [...keyOf(row), row.state, row.attempt, JSON.stringify(row)] as const;
}

function shardFrom(found: Record<string, unknown>): ShardRow {
  return JSON.parse(found["row"] as string);
}
