import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { compareUtf8 } from "../paging.ts";

/** Only these can be parts of keys; temporary and lock files are named outside of them. */
const KEY_PART = /^[A-Za-z0-9._-]+$/;

/** Keys below `root` that begin with `prefix`, ascending; reads one folder at a time, and only those that can hold some. */
export async function* keysUnder(root: string, prefix: string): AsyncIterable<string> {
  const parent = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  yield* keysIn(root, parent, prefix);
}

/** `parent` is "" or ends with a slash. */
async function* keysIn(root: string, parent: string, prefix: string): AsyncIterable<string> {
  for (const name of await namesIn(join(root, parent))) {
    const key = parent + name;
    if (name.endsWith("/")) {
      if (key.startsWith(prefix) || prefix.startsWith(key)) yield* keysIn(root, key, prefix);
    } else if (key.startsWith(prefix)) yield key;
  }
}

/** Names in a folder, those of folders with a slash: sorted so, they follow each other as their whole keys do. */
async function namesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(noneIfAbsent);
  return entries
    .filter((entry) => KEY_PART.test(entry.name) && (entry.isFile() || entry.isDirectory()))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .sort(compareUtf8);
}

function noneIfAbsent(error: NodeJS.ErrnoException): Dirent[] {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
  throw error;
}
