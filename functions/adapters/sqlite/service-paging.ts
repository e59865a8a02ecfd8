import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { checkLimit, decodeCursor, pageOf } from "../paging.ts";

type Found = Record<string, unknown>;
export type PageAsked = { limit: number; cursor?: string };

const NewestFirst = z.tuple([z.int(), z.string()]);

/**
 * Lists a table by `created_at` and its id, newest first; `by` names a column that must have the value given to the
 * returned function. Both name columns of ours: they go into the SQL as they are.
 */
export function newestFirst<Row>(
  database: DatabaseSync,
  { table, id, by }: { table: string; id: string; by?: string },
  rowFrom: (found: Found) => Row,
) {
  const same = by === undefined ? [] : [`${by} = ?`];
  const select = (conditions: readonly string[]) =>
    database.prepare(
      `SELECT * FROM ${table} ${conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`}
         ORDER BY created_at DESC, ${id} DESC LIMIT ?`,
    );
  const first = select(same);
  const next = select([...same, `(created_at, ${id}) < (?, ?)`]);

  return ({ limit, cursor }: PageAsked, value?: string): { items: Row[]; cursor?: string } => {
    checkLimit(limit);
    const after = decodeCursor(cursor, NewestFirst);
    const wanted = value === undefined ? [] : [value];
    const found = after ? next.all(...wanted, ...after, limit + 1) : first.all(...wanted, limit + 1);
    const page = pageOf(found, limit, (last) => [last["created_at"] as number, last[id] as string]);
    return { ...page, items: page.items.map(rowFrom) };
  };
}
