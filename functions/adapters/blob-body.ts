/** Bodies and ranges of blobs, for every adapter. */
import type { BlobStore, ByteRange } from "../../shared/ports/blob-store.ts";

/** What a write takes. */
export type BlobBody = Parameters<BlobStore["write"]>[1];

/** Lines come one by one: gathered to this size they cost few system calls and little memory (our choice). */
const CHUNK_BYTES = 256 * 1024;

/** The body as bytes (text as UTF-8), small pieces gathered; holds one chunk at a time. */
export async function* utf8Chunks(body: BlobBody): AsyncIterable<Uint8Array> {
  if (typeof body === "string") return yield Buffer.from(body);
  if (body instanceof Uint8Array) return yield body;
  let gathered: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
    gathered.push(bytes);
    size += bytes.length;
    if (size < CHUNK_BYTES) continue;
    yield Buffer.concat(gathered);
    gathered = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(gathered);
}

export function checkByteRange({ offset, length }: ByteRange): void {
  for (const [field, value] of Object.entries({ offset, length })) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`byte range: ${field} is ${value}, must be a whole number of bytes, 0 or more`);
    }
  }
}
