/** Rows of several partitions as one list in the order of their sort keys. */
import { compareUtf8 } from "../paging.ts";
import type { Item, Value } from "./items.ts";
import type { TableRows } from "./table-rows.ts";

/** Rows that one query of a filtered list looks at, and queries of one page, over all partitions. Our choice: 2 s or so. */
const FILTERED_ROWS = 1000;
const FILTERED_QUERIES = 256;

type Merge<Row> = {
  partitions: readonly string[];
  index?: boolean;
  /** Sort keys greater than this. */
  after: string | undefined;
  want: number;
  where?: { name: string; value: Value };
  /** Rows as they are given; may leave some out. */
  read: (items: Item[]) => Promise<Row[]> | Row[];
};

/** `known`: all up to and with this sort key is in `queue` or was given; all there is once `ended`. */
type Source = { pk: string; queue: Item[]; known: string | undefined; ended: boolean };

/**
 * Up to `want` rows, fewer at the end. `stoppedAt`: a filtered list looked at as many rows as one page may, and goes on
 * after this sort key.
 */
export async function mergedPage<Row>(
  rows: TableRows,
  merge: Merge<Row>,
): Promise<{ found: Row[]; stoppedAt?: string }> {
  const { partitions, after, want, where } = merge;
  const sources = partitions.map((pk): Source => ({ pk, queue: [], known: after, ended: false }));
  const found: Row[] = [];
  let queries = 0;
  for (;;) {
    const least = leastKnown(sources);
    const behind = sources.filter(({ ended, known, queue }) => !ended && (known === least || queue.length === 0));
    await Promise.all(behind.map((source) => readOn(rows, source, merge)));
    queries += behind.length;
    const ready = takeUpTo(sources, leastKnown(sources), merge);
    // Rows are read in small steps, so that a page of two does not read what a thousand keys name.
    for (let at = 0; at < ready.length && found.length < want; at += want) {
      found.push(...(await merge.read(ready.slice(at, at + want))));
    }
    if (found.length >= want || sources.every(({ ended }) => ended)) return { found: found.slice(0, want) };
    const stoppedAt = leastKnown(sources);
    if (where !== undefined && queries >= FILTERED_QUERIES && stoppedAt !== undefined) return { found, stoppedAt };
  }
}

async function readOn<Row>(rows: TableRows, source: Source, merge: Merge<Row>): Promise<void> {
  const { index = false, want, where, partitions } = merge;
  const share = Math.ceil((want / partitions.length) * 1.25) + 2; // names spread evenly, with some luck
  const { items, through } = await rows.query({
    pk: source.pk,
    index,
    limit: where === undefined ? share : FILTERED_ROWS,
    ...(source.known === undefined ? {} : { after: source.known }),
    ...(where === undefined ? {} : { where }),
  });
  source.queue.push(...items);
  source.ended = through === undefined;
  source.known = through ?? source.known;
}

/** `undefined` while some partition was not looked at, or when all have ended: then everything is known. */
function leastKnown(sources: readonly Source[]): string | undefined {
  const open = sources.filter(({ ended }) => !ended).map(({ known }) => known);
  if (open.includes(undefined)) return undefined;
  return (open as string[]).toSorted(compareUtf8)[0];
}

function takeUpTo<Row>(sources: readonly Source[], bound: string | undefined, { index }: Merge<Row>): Item[] {
  const sortOf = (item: Item): string => item[index ? "gsi1sk" : "sk"] as string;
  const isKnown = (item: Item): boolean => bound === undefined || compareUtf8(sortOf(item), bound) <= 0;
  const ready = sources.flatMap((source) => {
    const known = source.queue.filter(isKnown);
    source.queue = source.queue.filter((item) => !isKnown(item));
    return known;
  });
  return ready.sort((a, b) => compareUtf8(sortOf(a), sortOf(b)));
}
