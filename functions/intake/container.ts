/** Finds out what a manifest is (by content, not by its ending) and opens its rows. */
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { FileRef } from "../../shared/schemas/config.ts";
import { folderRows } from "./folder-rows.ts";
import { jsonRows } from "./json-rows.ts";
import { parquetRows } from "./parquet-rows.ts";
import { ManifestError, type RawRow } from "./raw-row.ts";

/** `folder` is where relative image paths begin. `rows` may be opened more than once. */
export type Container = {
  kind: "jsonl" | "array" | "parquet" | "folder";
  folder: string;
  rows: () => AsyncIterable<RawRow>;
};

const HEAD_BYTES = 4096; // enough to pass leading white space

async function readHead(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function openFolder(folder: string, ref: FileRef): Container {
  if (ref.question === undefined)
    throw new ManifestError(`${ref.path} is a folder: set data.question, the question put to every image`);
  return { kind: "folder", folder, rows: () => folderRows(folder) };
}

/** Opens the manifest a FileRef names. Throws a ManifestError when there is none or its encoding is not readable. */
export async function openContainer(ref: FileRef): Promise<Container> {
  const path = resolve(ref.path);
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new ManifestError(`data.path: there is no file or folder ${path}`);
  if (found.isDirectory()) return openFolder(path, ref);
  if (!found.isFile()) throw new ManifestError(`data.path: ${path} is no regular file`);
  const head = await readHead(path);
  const folder = dirname(path);
  if (head.subarray(0, 4).toString("latin1") === "PAR1")
    return { kind: "parquet", folder, rows: () => parquetRows(path) };
  const order = head.length >= 2 ? head.readUInt16BE(0) : 0;
  if (order === 0xfffe || order === 0xfeff) throw new ManifestError(`data.path: ${path} is UTF-16; save it as UTF-8`);
  const isArray = head.toString("utf8").trimStart().startsWith("["); // trimStart also removes a byte order mark
  return { kind: isArray ? "array" : "jsonl", folder, rows: () => jsonRows(createReadStream(path), isArray) };
}
