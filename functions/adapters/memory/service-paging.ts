import { z } from "zod";
import { checkLimit, compareUtf8, decodeCursor, pageOf } from "../paging.ts";

const NewestFirst = z.tuple([z.int(), z.string()]);
type Place = z.infer<typeof NewestFirst>;

/** A page of rows by creation and id, newest first; rows are copied. */
export function newestPage<Row extends { createdAt: number }>(
  rows: Iterable<Row>,
  { limit, cursor }: { limit: number; cursor?: string },
  idOf: (row: Row) => string,
): { items: Row[]; cursor?: string } {
  checkLimit(limit);
  const after = decodeCursor(cursor, NewestFirst);
  const placeOf = (row: Row): Place => [row.createdAt, idOf(row)];
  const sorted = [...rows].sort((a, b) => newestFirst(placeOf(a), placeOf(b)));
  const rest = after ? sorted.filter((row) => newestFirst(after, placeOf(row)) < 0) : sorted;
  return pageOf(structuredClone(rest.slice(0, limit + 1)), limit, placeOf);
}

function newestFirst([createdA, idA]: Place, [createdB, idB]: Place): number {
  return createdB - createdA || compareUtf8(idB, idA);
}
