import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import type { RunStore } from "../../../shared/ports/state-store.ts";
import { RunRow } from "../../../shared/schemas/rows.ts";
import { checkLimit, decodeCursor, pageOf } from "../paging.ts";
import type { Write } from "./group-commit.ts";

const NewestFirst = z.tuple([z.int(), z.string()]);

export function sqliteRuns(database: DatabaseSync, write: Write): RunStore {
  const insert = database.prepare(
    "INSERT INTO runs (run_id, created_at, version, row) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const select = database.prepare("SELECT row FROM runs WHERE run_id = ?");
  const replace = database.prepare(
    "UPDATE runs SET created_at = ?, version = ?, row = ? WHERE run_id = ? AND version = ?",
  );
  const first = database.prepare("SELECT row FROM runs ORDER BY created_at DESC, run_id DESC LIMIT ?");
  const next = database.prepare(
    "SELECT row FROM runs WHERE (created_at, run_id) < (?, ?) ORDER BY created_at DESC, run_id DESC LIMIT ?",
  );

  return {
    create: (run) =>
      write(() => {
        const { changes } = insert.run(run.runId, run.createdAt, run.version, JSON.stringify(run));
        return { outcome: changes === 1 ? "written" : "already_there" };
      }),
    async get(runId) {
      const found = select.get(runId);
      return found && runFrom(found);
    },
    async list({ limit, cursor }) {
      checkLimit(limit);
      const after = decodeCursor(cursor, NewestFirst);
      const found = after ? next.all(...after, limit + 1) : first.all(limit + 1);
      return pageOf(found.map(runFrom), limit, (run) => [run.createdAt, run.runId]);
    },
    update: (run) =>
      write(() => {
        const updated = { ...run, version: run.version + 1 };
        const { changes } = replace.run(
          updated.createdAt,
          updated.version,
          JSON.stringify(updated),
          run.runId,
          run.version,
        );
        return changes === 1 ? { outcome: "written", run: updated } : { outcome: "conflict" };
      }),
  };
}

/** Runs are few and long-lived: each is checked against the schema, so an edited file is told at once. */
function runFrom(found: Record<string, unknown>): RunRow {
  return RunRow.parse(JSON.parse(found["row"] as string));
}
