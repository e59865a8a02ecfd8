/** Rows of a parquet file with an image column: binary, or Hugging Face's `{bytes, path}`. */
import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { ManifestError, type RawRow } from "./raw-row.ts";
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

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Bytes of a column without a text type: old writers store texts so, others real bytes, which become base64. */
function textOfBytes(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return Buffer.from(bytes).toString("base64");
  }
}

/** A parquet value as JSON knows it: big integers, dates and bytes become numbers or texts. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (value instanceof Uint8Array) return textOfBytes(value);
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

async function* readSlices(path: string): AsyncGenerator<RawRow> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  for (const { start, end } of planSlices(metadata)) {
    // utf8: false keeps columns without a text type as bytes; texts declared as such still arrive as texts.
    const options = { rowStart: start, rowEnd: end, utf8: false, useOffsetIndex: true };
    const rows = await parquetReadObjects({ file, metadata, ...options });
    for (const [index, row] of rows.entries()) yield { kind: "row", line: start + index + 1, row: plainRow(row) };
  }
}

/** The rows in order, `line` counting from 1; holds one slice at a time. Throws a ManifestError where the file is damaged. */
export async function* parquetRows(path: string): AsyncGenerator<RawRow> {
  try {
    yield* readSlices(path);
  } catch (error) {
    const fix = "write it again, uncompressed or with snappy";
    throw new ManifestError(`data.path: ${path} is no readable parquet file (${(error as Error).message}); ${fix}`);
  }
}
