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
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of blobs.stream(key)) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line);
  }
  rest += decoder.decode();
  if (rest.trim() !== "") yield JSON.parse(rest);
}

/** The record a pointer names. */
export async function readRecord(blobs: Pick<BlobStore, "read">, pointer: Pointer): Promise<unknown> {
  const bytes = await blobs.read(pointer.key, { offset: pointer.offset, length: pointer.length });
  if (bytes === undefined) throw new Error(`${pointer.key} is gone; the run's folder was changed by hand`);
  return JSON.parse(new TextDecoder().decode(bytes));
}
