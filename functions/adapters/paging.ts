/** What every StateStore adapter shares about order and pages. */
import { z } from "zod";

const CursorKey = z.array(z.union([z.string(), z.int()])).min(1);
type CursorKey = z.infer<typeof CursorKey>;

/** A cursor names the last row that was given, not a position: rows that move or appear in between do not shift a page. */
export function encodeCursor(key: CursorKey): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** The sort key inside a cursor; `undefined` for the first page. */
export function decodeCursor<Key extends CursorKey>(
  cursor: string | undefined,
  schema: z.ZodType<Key>,
): Key | undefined {
  if (cursor === undefined) return undefined;
  const parsed = schema.safeParse(jsonOrUndefined(Buffer.from(cursor, "base64url").toString()));
  if (parsed.success) return parsed.data;
  throw new RangeError(`cursor ${JSON.stringify(cursor)}: not one of this query; start without a cursor`);
}

/** A page from up to `limit + 1` rows: the extra one tells that there are more. */
export function pageOf<T>(rows: T[], limit: number, keyOf: (row: T) => CursorKey): { items: T[]; cursor?: string } {
  if (rows.length <= limit) return { items: rows };
  const items = rows.slice(0, limit);
  return { items, cursor: encodeCursor(keyOf(items[limit - 1] as T)) };
}

export function checkLimit(limit: number): number {
  if (Number.isSafeInteger(limit) && limit >= 1) return limit;
  throw new RangeError(`limit ${limit}: ask for a whole number of rows, at least 1`);
}

/**
 * Order of UTF-8 bytes, as SQLite and DynamoDB sort text. JavaScript's own `<` differs from it where a surrogate pair
 * (U+10000 and above) meets U+E000 to U+FFFF.
 */
export function compareUtf8(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at++) {
    const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (left !== right) return byteRank(left) - byteRank(right);
  }
  return a.length - b.length;
}

function byteRank(codeUnit: number): number {
  if (codeUnit >= 0xe000) return codeUnit - 0x800;
  return codeUnit >= 0xd800 ? codeUnit + 0x2000 : codeUnit;
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
