/** Stretches of one partition, as key conditions. */
import { compareUtf8 } from "../paging.ts";
import { expressions, type Value } from "./items.ts";
import { INDEX } from "./table.ts";

export type Range = {
  pk: string;
  /** Reads the sparse index, which gives keys only and may lag. */
  index?: boolean;
  /** Keys greater than this, or less than this when descending. */
  after?: string;
  prefix?: string;
  before?: string;
  descending?: boolean;
  limit?: number;
  /** Of the rows read, only those with this value. */
  where?: { name: string; value: Value };
  /** A read that may lag a moment costs half. */
  eventual?: boolean;
};

export function rangeParts({ pk, index, after, prefix, before, descending, limit, where, eventual }: Range) {
  const [hash, sort] = index ? ["gsi1pk", "gsi1sk"] : ["pk", "sk"];
  const bounds = boundsOf(sort, { after, prefix, before, descending });
  const keys = { text: `#${hash} = :hash${bounds.text}`, values: { hash: pk, ...bounds.values } };
  const filter = where && { text: `#${where.name} = :where`, values: { where: where.value } };
  return {
    KeyConditionExpression: keys.text,
    ...(filter === undefined ? {} : { FilterExpression: filter.text }),
    ...expressions(keys, filter),
    ...(index ? { IndexName: INDEX } : { ConsistentRead: !eventual }),
    ...(limit === undefined ? {} : { Limit: limit }),
    ScanIndexForward: !descending,
  };
}

type Bounds = {
  after: string | undefined;
  prefix: string | undefined;
  before: string | undefined;
  descending: boolean | undefined;
};

/** A key condition takes one comparison of the sort key, so two bounds become one BETWEEN of least and greatest text. */
function boundsOf(sort: string, { after, prefix = "", before, descending }: Bounds) {
  if (descending) return after === undefined ? EVERYTHING : { text: ` AND #${sort} < :after`, values: { after } };
  const low = after === undefined ? prefix : nextText(after);
  const high = before ?? (prefix === "" ? undefined : `${prefix}${LAST}`);
  if (high === undefined) return low === "" ? EVERYTHING : { text: ` AND #${sort} >= :low`, values: { low } };
  if (low === "") return { text: ` AND #${sort} <= :high`, values: { high } };
  return {
    text: ` AND #${sort} BETWEEN :low AND :high`,
    values: { low, high: compareUtf8(high, low) < 0 ? low : high },
  };
}

const EVERYTHING = { text: "", values: {} };
/** No name holds that character. */
const LAST = "\u{10ffff}";

/** The least text above `text` in the order of bytes. */
const nextText = (text: string): string => `${text}\u0000`;
