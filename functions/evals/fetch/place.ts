/** What a user has already: a file, a folder, or an archive. Files are found by the end of their names. */
import { copyFile, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { EvaluationError } from "../problems.ts";
import { openZip, type ZipEntry } from "./zip.ts";

export type Place = AsyncDisposable & {
  path: string;
  /** Names below the place, with `/`. */
  names: readonly string[];
  /** The file on disk, where it is one and no part of an archive. */
  onDisk(name: string): string | undefined;
  copy(name: string, to: string): Promise<void>;
};

/** @throws EvaluationError where nothing is there, or a `.zip` cannot be read */
export async function openPlace(path: string): Promise<Place> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    throw new EvaluationError(
      `--from ${path}: there is no such file or folder`,
      "give the path of what you downloaded",
    );
  }
  if (found.isDirectory()) return folderPlace(path);
  return path.toLowerCase().endsWith(".zip") ? zipPlace(path) : filePlace(path);
}

const nothingToClose = async () => undefined;

async function folderPlace(path: string): Promise<Place> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const pathOf = new Map(files.map((file) => [file.slice(path.length).replaceAll("\\", "/").replace(/^\//, ""), file]));
  return {
    path,
    names: [...pathOf.keys()].sort(),
    onDisk: (name) => pathOf.get(name),
    copy: (name, to) => copyFile(pathOf.get(name)!, to),
    [Symbol.asyncDispose]: nothingToClose,
  };
}

function filePlace(path: string): Place {
  return {
    path,
    names: [basename(path)],
    onDisk: () => path,
    copy: (_name, to) => copyFile(path, to),
    [Symbol.asyncDispose]: nothingToClose,
  };
}

/** The archive itself is a file of its place, beside what is in it. */
async function zipPlace(path: string): Promise<Place> {
  const zip = await openZip(path);
  const entryOf = new Map<string, ZipEntry>(zip.entries.map((entry) => [entry.name, entry]));
  const itself = basename(path);
  return {
    path,
    names: [itself, ...entryOf.keys()],
    onDisk: (name) => (name === itself ? path : undefined),
    async copy(name, to) {
      if (name === itself) return copyFile(path, to);
      await zip.extract(entryOf.get(name)!, to);
    },
    [Symbol.asyncDispose]: () => zip[Symbol.asyncDispose](),
  };
}

/** The name that is this path, or ends with it, or has the same file name; the shortest of several. */
export function findName(names: readonly string[], path: string): string | undefined {
  const shortest = (found: readonly string[]) => [...found].sort((a, b) => a.length - b.length)[0];
  const file = basename(path);
  return (
    shortest(names.filter((name) => name === path || name.endsWith(`/${path}`))) ??
    shortest(names.filter((name) => basename(name) === file))
  );
}

const PICTURE = /\.(jpe?g|png|webp)$/i;
/** Archives made on a Mac hold such shadows. */
const SHADOW = /(^|\/)(__MACOSX\/|\._)/;

export const pictureNames = (names: readonly string[]): string[] =>
  names.filter((name) => PICTURE.test(name) && !SHADOW.test(name));
