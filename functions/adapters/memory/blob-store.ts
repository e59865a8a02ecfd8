import { sha256Hex } from "../../../shared/ids.ts";
import { type BlobStore, contentKey } from "../../../shared/ports/blob-store.ts";
import { checkByteRange, utf8Chunks } from "../blob-body.ts";
import { checkKey, checkPrefix, keyConflict, unknownKey } from "../blob-keys.ts";

/** A BlobStore that forgets everything with the process: for tests and simulations. `url` gives a data: URL. */
export function memoryBlobStore(): BlobStore {
  const blobs = new Map<string, Uint8Array>();
  const folders = new Map<string, string>();

  function store(key: string, bytes: Uint8Array): void {
    const clash = folders.get(key) ?? foldersOf(key).find((folder) => blobs.has(folder));
    if (clash !== undefined) throw keyConflict(key, clash);
    for (const folder of foldersOf(key)) folders.set(folder, key);
    blobs.set(key, bytes);
  }

  function existing(key: string): Uint8Array {
    const bytes = blobs.get(checkKey(key));
    if (!bytes) throw unknownKey(key);
    return bytes;
  }

  return {
    async write(key, body) {
      checkKey(key);
      const pieces: Uint8Array[] = [];
      for await (const piece of utf8Chunks(body)) pieces.push(Uint8Array.from(piece));
      const bytes = joined(pieces);
      store(key, bytes);
      return { bytes: bytes.length };
    },
    async writeContent(bytes) {
      const hash = sha256Hex(bytes);
      const key = contentKey(hash);
      if (!blobs.has(key)) store(key, Uint8Array.from(bytes));
      return hash;
    },
    async read(key, range) {
      if (range) checkByteRange(range);
      const bytes = blobs.get(checkKey(key));
      return range ? bytes?.slice(range.offset, range.offset + range.length) : bytes?.slice();
    },
    async *stream(key) {
      yield existing(key).slice();
    },
    async *list(prefix) {
      checkPrefix(prefix);
      const keys = [...blobs.keys()].filter((key) => key.startsWith(prefix));
      yield* keys.sort();
    },
    async url(key) {
      return `data:application/octet-stream;base64,${Buffer.from(existing(key)).toString("base64")}`;
    },
  };
}

/** `a/b/c` lies in `a` and `a/b`. */
function foldersOf(key: string): string[] {
  const segments = key.split("/").slice(0, -1);
  return segments.map((_, last) => segments.slice(0, last + 1).join("/"));
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
