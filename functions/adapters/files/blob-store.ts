import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type BlobStore, contentKey } from "../../../shared/ports/blob-store.ts";
import { type BlobBody, checkByteRange, utf8Chunks } from "../blob-body.ts";
import { checkKey, checkPrefix, keyConflict, unknownKey } from "../blob-keys.ts";
import { isFile, openExisting, readBytes, replaceFile } from "./durable-files.ts";
import { keysUnder } from "./list-keys.ts";
import { openTempFiles } from "./temp-files.ts";

const STREAM_CHUNK_BYTES = 256 * 1024;

/**
 * A folder as BlobStore: a blob is the file of its key's name. A write is a new file, synced and then renamed into
 * place; acknowledged writes survive a killed process and a lost machine. `url` gives a file: URL, which does not expire.
 */
export async function folderBlobStore(folder: string): Promise<BlobStore> {
  const root = resolve(folder);
  const temp = await openTempFiles(root);
  const pathOf = (key: string) => join(root, checkKey(key));

  async function write(key: string, body: BlobBody): Promise<{ bytes: number }> {
    const path = pathOf(key);
    try {
      return { bytes: await replaceFile(path, utf8Chunks(body), temp.nextPath()) };
    } catch (error) {
      throw isFileFolderClash(error) ? keyConflict(key, "another blob") : error;
    }
  }

  return {
    write,
    async writeContent(bytes) {
      const hash = createHash("sha256").update(bytes).digest("hex");
      const key = contentKey(hash);
      if (!(await isFile(pathOf(key)))) await write(key, bytes);
      return hash;
    },
    async read(key, range) {
      if (range) checkByteRange(range);
      const opened = await openExisting(pathOf(key));
      if (!opened) return undefined;
      await using file = opened.file;
      const { offset, length } = range ?? { offset: 0, length: opened.size };
      return await readBytes(file, offset, Math.max(0, Math.min(length, opened.size - offset)));
    },
    async *stream(key) {
      const opened = await openExisting(pathOf(key));
      if (!opened) throw unknownKey(key);
      yield* chunksOf(opened.file);
    },
    async *list(prefix) {
      yield* keysUnder(root, checkPrefix(prefix));
    },
    async url(key) {
      const path = pathOf(key);
      if (!(await isFile(path))) throw unknownKey(key);
      return pathToFileURL(path).href;
    },
  };
}

/** Ending the iteration early closes the file. */
async function* chunksOf(file: FileHandle): AsyncIterable<Uint8Array> {
  for await (const chunk of file.createReadStream({ highWaterMark: STREAM_CHUNK_BYTES })) yield plainBytes(chunk);
}

/** The port promises bytes, not Node's Buffer with its own `toString` and `slice`. */
function plainBytes(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What mkdir and rename say when a parent of the key is a file, or the key itself a folder. */
function isFileFolderClash(error: unknown): boolean {
  const { code = "" } = error as NodeJS.ErrnoException;
  return ["EEXIST", "ENOTDIR", "EISDIR", "ENOTEMPTY"].includes(code);
}
