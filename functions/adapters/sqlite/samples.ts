import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import type { MoveOutcome, SampleStore } from "../../../shared/ports/state-store.ts";
import { type PassId, type SampleMove, type SampleRow, SampleState } from "../../../shared/schemas/rows.ts";
import { checkLimit, decodeCursor, pageOf } from "../paging.ts";
import { attemptAfter, whyNotMoved } from "../sample-moves.ts";
import type { Write } from "./group-commit.ts";

const COLUMNS = "sample_id, shard_id, state, attempt, pointer_key, pointer_offset, pointer_length, reason";
const BySampleId = z.tuple([z.string()]);

type Columns = {
  sample_id: string;
  shard_id: string;
  state: SampleState;
  attempt: number;
  pointer_key: string;
  pointer_offset: number;
  pointer_length: number;
  reason: string | null;
};

export function sqliteSamples(database: DatabaseSync, write: Write): SampleStore {
  const passes = passNumbers(database);
  const statements = sampleStatements(database);

  function createAll(rows: readonly SampleRow[]): { written: number } {
    let written = 0;
    const numberOf = passes.creating();
    for (const row of rows) {
      const { key, offset, length } = row.pointer;
      const { changes } = statements.insert.run(
        ...[numberOf(row.runId, row.passId), row.sampleId, row.shardId, row.state, row.attempt],
        ...[key, offset, length, row.reason ?? null],
      );
      written += Number(changes);
    }
    return { written };
  }

  function moveOne(pass: number, move: SampleMove): MoveOutcome {
    const { sampleId, from, to, attempt, pointer, reason } = move;
    const { changes } = statements.move.run(
      ...[to, attemptAfter(move), pointer?.key ?? null, pointer?.offset ?? null, pointer?.length ?? null],
      ...[reason ?? null, pass, sampleId, from, attempt],
    );
    if (changes === 1) return { sampleId, outcome: "moved" };
    const found = statements.stateOf.get(pass, sampleId) as { state: SampleState } | undefined;
    return { sampleId, outcome: whyNotMoved(found?.state, move) };
  }

  return {
    createMany: (rows) => write(() => createAll(rows)),
    move: (runId, passId, moves) =>
      write(() => {
        const pass = passes.find(runId, passId);
        if (pass === undefined) return moves.map(({ sampleId }) => ({ sampleId, outcome: "unknown_sample" }));
        return moves.map((move) => moveOne(pass, move));
      }),
    async get(runId, passId, sampleId) {
      const pass = passes.find(runId, passId);
      const found = pass === undefined ? undefined : statements.get.get(pass, sampleId);
      return found && sampleFrom(runId, passId, found as Columns);
    },
    async query({ runId, passId, state, shardId, limit, cursor }) {
      checkLimit(limit);
      const [after] = decodeCursor(cursor, BySampleId) ?? [""];
      const pass = passes.find(runId, passId);
      if (pass === undefined) return { items: [] };
      const filters = [state, shardId].filter((value) => value !== undefined);
      const found = statements.queryBy(state, shardId).all(pass, after, ...filters, limit + 1) as Columns[];
      return pageOf(
        found.map((columns) => sampleFrom(runId, passId, columns)),
        limit,
        (row) => [row.sampleId],
      );
    },
    async count(runId, passId) {
      const counts = Object.fromEntries(SampleState.options.map((state) => [state, 0])) as Record<SampleState, number>;
      const found = statements.count.all(passes.find(runId, passId) ?? null) as { state: SampleState; rows: number }[];
      for (const { state, rows } of found) counts[state] = rows;
      return counts;
    },
  };
}

function sampleStatements(database: DatabaseSync) {
  const query = (filters: string) =>
    database.prepare(
      `SELECT ${COLUMNS} FROM samples WHERE pass = ? AND sample_id > ? ${filters} ORDER BY sample_id LIMIT ?`,
    );
  const queries = {
    all: query(""),
    byState: query("AND state = ?"),
    byShard: query("AND shard_id = ?"),
    // The plus keeps the state out of the choice of index: a shard is small, a state may hold the whole pass.
    byStateAndShard: query("AND +state = ? AND shard_id = ?"),
  };
  return {
    insert: database.prepare(
      `INSERT INTO samples (pass, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    ),
    move: database.prepare(
      `UPDATE samples SET state = ?, attempt = ?, pointer_key = coalesce(?, pointer_key),
         pointer_offset = coalesce(?, pointer_offset), pointer_length = coalesce(?, pointer_length), reason = ?
       WHERE pass = ? AND sample_id = ? AND state = ? AND attempt = ?`,
    ),
    stateOf: database.prepare("SELECT state FROM samples WHERE pass = ? AND sample_id = ?"),
    get: database.prepare(`SELECT ${COLUMNS} FROM samples WHERE pass = ? AND sample_id = ?`),
    count: database.prepare("SELECT state, count(*) AS rows FROM samples WHERE pass = ? GROUP BY state"),
    queryBy(state: SampleState | undefined, shardId: string | undefined) {
      if (state === undefined) return shardId === undefined ? queries.all : queries.byShard;
      return shardId === undefined ? queries.byState : queries.byStateAndShard;
    },
  };
}

function passNumbers(database: DatabaseSync) {
  const select = database.prepare("SELECT pass FROM passes WHERE run_id = ? AND pass_id = ?");
  const insert = database.prepare("INSERT INTO passes (run_id, pass_id) VALUES (?, ?)");
  const find = (runId: string, passId: PassId) => select.get(runId, passId)?.["pass"] as number | undefined;

  /** Numbers for one write job. The memory ends with the job: were it rolled back, its new passes would be gone. */
  function creating() {
    let last = { runId: "", passId: "", pass: 0 };
    return (runId: string, passId: PassId): number => {
      if (last.runId !== runId || last.passId !== passId) {
        const pass = find(runId, passId) ?? Number(insert.run(runId, passId).lastInsertRowid);
        last = { runId, passId, pass };
      }
      return last.pass;
    };
  }

  return { find, creating };
}

function sampleFrom(runId: string, passId: PassId, columns: Columns): SampleRow {
  return {
    runId,
    passId,
    sampleId: columns.sample_id,
    shardId: columns.shard_id,
    state: columns.state,
    attempt: columns.attempt,
    pointer: { key: columns.pointer_key, offset: columns.pointer_offset, length: columns.pointer_length },
    ...(columns.reason === null ? {} : { reason: columns.reason }),
  };
}
