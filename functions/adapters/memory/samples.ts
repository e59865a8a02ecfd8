import { z } from "zod";
import type { MoveOutcome, SampleStore } from "../../../shared/ports/state-store.ts";
import { type PassId, type SampleMove, type SampleRow, SampleState } from "../../../shared/schemas/rows.ts";
import { checkLimit, compareUtf8, decodeCursor, pageOf } from "../paging.ts";
import { attemptAfter, whyNotMoved } from "../sample-moves.ts";

const BySampleId = z.tuple([z.string()]);

/** Rows of one pass. `order` and `byShard` hold ids in ascending order. */
type PassRows = {
  rows: Map<string, SampleRow>;
  order: SortedIds;
  byShard: Map<string, SortedIds>;
  counts: Record<SampleState, number>;
};

/** Ids sorted when they are next read: adding is cheap, and reading again costs nothing. */
type SortedIds = { ids: string[]; sorted: boolean };

export function memorySamples(): SampleStore {
  const passes = new Map<string, PassRows>();
  const nameOf = (runId: string, passId: PassId) => JSON.stringify([runId, passId]);

  function passOf({ runId, passId }: SampleRow): PassRows {
    const name = nameOf(runId, passId);
    const pass = passes.get(name) ?? emptyPass();
    passes.set(name, pass);
    return pass;
  }

  return {
    async createMany(rows) {
      return { written: rows.filter((row) => addRow(passOf(row), row)).length };
    },
    async move(runId, passId, moves) {
      const pass = passes.get(nameOf(runId, passId)) ?? emptyPass();
      return moves.map((move) => moveOne(pass, move));
    },
    async get(runId, passId, sampleId) {
      const row = passes.get(nameOf(runId, passId))?.rows.get(sampleId);
      return row && copyOf(row);
    },
    async query({ runId, passId, state, shardId, limit, cursor }) {
      checkLimit(limit);
      const [after] = decodeCursor(cursor, BySampleId) ?? [""];
      const pass = passes.get(nameOf(runId, passId)) ?? emptyPass();
      const order = shardId === undefined ? pass.order : pass.byShard.get(shardId);
      const found = firstOf(limit + 1, rowsAfter(pass, order, after), state);
      return pageOf(found, limit, (row) => [row.sampleId]);
    },
    async count(runId, passId) {
      return { ...(passes.get(nameOf(runId, passId)) ?? emptyPass()).counts };
    },
  };
}

function emptyPass(): PassRows {
  const counts = Object.fromEntries(SampleState.options.map((state) => [state, 0])) as Record<SampleState, number>;
  return { rows: new Map(), order: { ids: [], sorted: true }, byShard: new Map(), counts };
}

function addRow(pass: PassRows, row: SampleRow): boolean {
  if (pass.rows.has(row.sampleId)) return false;
  pass.rows.set(row.sampleId, copyOf(row));
  pass.counts[row.state]++;
  const shard = pass.byShard.get(row.shardId) ?? { ids: [], sorted: true };
  pass.byShard.set(row.shardId, shard);
  for (const order of [pass.order, shard]) {
    order.ids.push(row.sampleId);
    order.sorted = false;
  }
  return true;
}

function moveOne(pass: PassRows, move: SampleMove): MoveOutcome {
  const { sampleId, from, to, attempt, pointer, reason } = move;
  const row = pass.rows.get(sampleId);
  if (row?.state !== from || row.attempt !== attempt) return { sampleId, outcome: whyNotMoved(row?.state, move) };
  const { reason: _old, ...kept } = row;
  const moved = { ...kept, state: to, attempt: attemptAfter(move), pointer: { ...(pointer ?? row.pointer) } };
  pass.rows.set(sampleId, reason === undefined ? moved : { ...moved, reason });
  pass.counts[from]--;
  pass.counts[to]++;
  return { sampleId, outcome: "moved" };
}

function* rowsAfter(pass: PassRows, order: SortedIds | undefined, after: string): Iterable<SampleRow> {
  if (!order) return;
  if (!order.sorted) order.ids.sort(compareUtf8);
  order.sorted = true;
  for (let at = firstAbove(order.ids, after); at < order.ids.length; at++) {
    yield pass.rows.get(order.ids[at] as string) as SampleRow;
  }
}

function firstOf(count: number, rows: Iterable<SampleRow>, state: SampleState | undefined): SampleRow[] {
  const found: SampleRow[] = [];
  for (const row of rows) {
    if (found.length === count) break;
    if (state === undefined || row.state === state) found.push(copyOf(row));
  }
  return found;
}

/** Index of the first id greater than `bound` (binary search). */
function firstAbove(ids: readonly string[], bound: string): number {
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareUtf8(ids[middle] as string, bound) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** `structuredClone` by hand: 20 times faster for this shape, and simulations copy millions. */
function copyOf(row: SampleRow): SampleRow {
  return { ...row, pointer: { ...row.pointer } };
}
