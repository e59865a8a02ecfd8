/** A folder of images as rows, one question for all. */
import { readdir } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import type { RawRow } from "./raw-row.ts";

/** Files with these endings are taken for images, the unsupported ones so that they are reported rather than overlooked. */
const IMAGE_ENDINGS = new Set([
  "jpg",
  "jpeg",
  "png",
  "webp",
  "gif",
  "bmp",
  "tif",
  "tiff",
  "heic",
  "heif",
  "avif",
  "svg",
]);

/** Relative paths with `/`, sub-folders included, hidden files left out, in ascending order of code units on every machine. */
async function imagePaths(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => IMAGE_ENDINGS.has(extname(path).slice(1).toLowerCase()))
    .filter((path) => !path.split("/").some((name) => name.startsWith(".")))
    .sort((a, b) => (a < b ? -1 : 1));
}

/** One row per image file; `line` is its place in the sorted listing, from 1. Other files are no images and no rows. */
export async function* folderRows(folder: string): AsyncGenerator<RawRow> {
  let line = 1;
  for (const image of await imagePaths(folder)) yield { kind: "row", line: line++, row: { image } };
}
