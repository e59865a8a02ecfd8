import { z } from "zod";
import { checkLimit, decodeCursor, pageOf } from "../paging.ts";
import { place } from "./dynamo-keys.ts";
import type { Item } from "./items.ts";
import type { TableRows } from "./table-rows.ts";

const NewestFirst = z.tuple([z.int(), z.string()]);

type Asked<Row> = {
  /** Partition of the index. */
  list: string;
  page: { limit: number; cursor?: string };
  rowFrom: (item: Item) => Row;
  keyOf: (row: Row) => [createdAt: number, id: string];
  keep?: (row: Row) => boolean;
};

/** A page by creation and id, newest first. The index gives keys; rows are read as they are now, and those that went are left out. */
export async function newestPage<Row>(rows: TableRows, asked: Asked<Row>): Promise<{ items: Row[]; cursor?: string }> {
  const { list, page, rowFrom, keyOf, keep = () => true } = asked;
  const limit = checkLimit(page.limit);
  const last = decodeCursor(page.cursor, NewestFirst);
  const found: Row[] = [];
  for (let after = last && place(...last); found.length <= limit; ) {
    const range = {
      pk: list,
      index: true,
      descending: true,
      limit: limit + 1,
      ...(after === undefined ? {} : { after }),
    };
    const { items, through } = await rows.query(range);
    const full = await rows.getMany(items);
    found.push(...full.flatMap((item) => (item === undefined ? [] : [rowFrom(item)])).filter(keep));
    if (through === undefined) break;
    after = through;
  }
  return pageOf(found.slice(0, limit + 1), limit, keyOf);
}
