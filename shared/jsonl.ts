/** JSON Lines with the byte range of every line, so that one record can be read back with one range read. */
import type { BlobStore } from "./ports/blob-store.ts";
import type { Pointer } from "./schemas/rows.ts";

const encoder = new TextEncoder();

/** The file's bytes and, for each record in order, where its line lies (without the line end). */
export function encodeLines(key: string, records: readonly unknown[]): { bytes: Uint8Array; pointers: Pointer[] } {
  const lines = records.map((record) => encoder.encode(`${JSON.stringify(record)}\n`));
  const bytes = new Uint8Array(lines.reduce((sum, line) => sum + line.length, 0));
  let offset = 0;
  const pointers = lines.map((line) => {
    bytes.set(line, offset);
    const pointer = { key, offset, length: line.length - 1 };
    offset += line.length;
    return pointer;
  });
  return { bytes, pointers };
}

/** Parses the lines of a stored JSONL file one by one; an unknown key is an exception. */
export async function* readLines(blobs: Pick<BlobStore, "stream">, key: string): AsyncGenerator<unknown> {
  for await (const { record } of readPointed(blobs, key)) yield record;
}

/** The same with where each line lies (without the line end). */
export async function* readPointed(
  blobs: Pick<BlobStore, "stream">,
  key: string,
): AsyncGenerator<{ record: unknown; pointer: Pointer }> {
  let rest: Uint8Array = new Uint8Array();
  let offset = 0; // of `rest` in the file
  for await (const piece of blobs.stream(key)) {
    const bytes = joined(rest, piece);
    let start = 0;
    for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, start)) {
      yield* pointed(bytes.subarray(start, end), { key, offset: offset + start });
      start = end + 1;
    }
    rest = bytes.slice(start); // a copy: a view would keep the whole piece alive
    offset += start;
  }
  yield* pointed(rest, { key, offset });
}

const LINE_END = 0x0a;
const decoder = new TextDecoder();

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

function* pointed(line: Uint8Array, at: Omit<Pointer, "length">) {
  const text = decoder.decode(line);
  if (text.trim() !== "") yield { record: JSON.parse(text) as unknown, pointer: { ...at, length: line.length } };
}

/** The record a pointer names. */
export async function readRecord(blobs: Pick<BlobStore, "read">, pointer: Pointer): Promise<unknown> {
  const bytes = await blobs.read(pointer.key, { offset: pointer.offset, length: pointer.length });
  if (bytes === undefined) throw new Error(`${pointer.key} is gone; the run's folder was changed by hand`);
  return JSON.parse(new TextDecoder().decode(bytes));
}
