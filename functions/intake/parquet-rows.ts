/** Rows of a parquet file with an image column: binary, or Hugging Face's `{bytes, path}`. */
import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import type { RawRow } from "./json-rows.ts";
import { asFields } from "./record.ts";

/** Uncompressed bytes read at once; files with larger row groups are read in slices of about this size. */
const SLICE_BYTES = 128 * 1024 * 1024; // our choice

/** Row ranges `[start, end)` that hold about SLICE_BYTES each and never span two row groups. */
export function planSlices(
  metadata: Pick<FileMetaData, "row_groups">,
  sliceBytes = SLICE_BYTES,
): { start: number; end: number }[] {
  const slices: { start: number; end: number }[] = [];
  let first = 0;
  for (const group of metadata.row_groups) {
    const rows = Number(group.num_rows);
    const step = Math.max(1, Math.floor((rows * sliceBytes) / Math.max(Number(group.total_byte_size), 1)));
    for (let at = 0; at < rows; at += step) slices.push({ start: first + at, end: first + Math.min(at + step, rows) });
    first += rows;
  }
  return slices;
}

/** A parquet value as JSON knows it: big integers, dates, and bytes (as base64) become numbers or texts. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, plain);
  if (Array.isArray(value)) return value.map(plain);
  const fields = asFields(value);
  return fields ? Object.fromEntries(Object.entries(fields).map(([name, item]) => [name, plain(item)])) : value;
}

/** Makes a row JSON-like but leaves the bytes of its image alone. */
function plainRow(row: Record<string, unknown>): Record<string, unknown> {
  const isImage = (name: string) => name === "image" || name === "images";
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, isImage(name) ? value : plain(value)]));
}

/** The rows in order, `line` counting from 1; holds one slice at a time. */
export async function* parquetRows(path: string): AsyncGenerator<RawRow> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  for (const { start, end } of planSlices(metadata)) {
    // utf8: false keeps columns without a text type as bytes; texts declared as such still arrive as texts.
    const rows = await parquetReadObjects({
      file,
      metadata,
      rowStart: start,
      rowEnd: end,
      utf8: false,
      useOffsetIndex: true,
    });
    for (const [index, row] of rows.entries()) yield { kind: "row", line: start + index + 1, row: plainRow(row) };
  }
}
