/** Bytes of `[offset, offset + length)`. */
export type ByteRange = { offset: number; length: number };

/** Named and content-addressed bytes. Keys are relative paths of `[A-Za-z0-9._/-]`, without `..`. A write is whole or not at all. */
export interface BlobStore {
  /** Replaces what was there; readers see the old bytes or the new ones, never a mixture. */
  write(key: string, body: Uint8Array | string | AsyncIterable<Uint8Array | string>): Promise<{ bytes: number }>;
  /** Stores under `blobs/<sha256>`; the same bytes again change nothing. Returns the 64 hex digits. */
  writeContent(bytes: Uint8Array): Promise<string>;
  /** The bytes, or `undefined` where there are none. A range past the end gives what is there. */
  read(key: string, range?: ByteRange): Promise<Uint8Array | undefined>;
  /** The bytes piece by piece; an unknown key is an exception. */
  stream(key: string): AsyncIterable<Uint8Array>;
  /** Keys that begin with `prefix`, in ascending order. */
  list(prefix: string): AsyncIterable<string>;
  /** A short-lived URL from which a worker or browser may read the bytes. */
  url(key: string, seconds: number): Promise<string>;
}

/** Where `writeContent` keeps the bytes with this hash. */
export function contentKey(sha256: string): string {
  return `blobs/${sha256}`;
}
