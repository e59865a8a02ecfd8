/**
 * Which file an image path of a manifest means. A relative path is tried
 *   1. in the manifest's folder,
 *   2. there without its first folder: RLAIF-V's files name paths from the repository's root, such as
 *      `./examples/imgs/a.jpg` inside `examples/`, and the folder may have been renamed since,
 *   3. in the root, when one was given that holds the manifest's folder.
 * The first regular file wins. A relative path never leaves the root (by default the manifest's folder).
 */
import { lstat, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, normalize, relative, resolve, sep } from "node:path";
import { type Problem, problem } from "./bad-row.ts";

export type PathRules = {
  /** The manifest's folder, absolute. */
  folder: string;
  /** Relative paths stay inside; absolute. */
  root: string;
  /** For manifests of strangers: also refuses absolute paths and symbolic links. */
  confined: boolean;
};

export type FoundFile = { outcome: "file"; path: string; bytes: number };

/** True when `path` is `root` or lies below it; both absolute. */
function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/** The absolute paths a relative one may mean, in the order they are tried. */
function candidates(path: string, { folder, root }: PathRules): string[] {
  const [first, ...rest] = normalize(path).split(sep);
  const moved = first !== ".." && rest.length > 0 ? [resolve(folder, ...rest)] : [];
  const tried = [resolve(folder, path), ...moved, resolve(root, path)];
  return [...new Set(tried)].filter((candidate) => isInside(root, candidate));
}

async function regularFile(path: string): Promise<FoundFile | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? { outcome: "file", path, bytes: found.size } : undefined;
}

/** True when a symbolic link stands on the way from the root to the file, or is the file. */
async function isLinked(path: string, root: string): Promise<boolean> {
  const real = await realpath(path);
  const expected = join(await realpath(root), relative(root, path));
  return real !== expected || (await lstat(path)).isSymbolicLink();
}

const inFolder = ({ folder }: PathRules): string => `Write the path relative to the manifest's folder (${folder}).`;

async function findAbsolute(path: string, field: string, rules: PathRules): Promise<FoundFile | Problem> {
  const at = [field, path] as const;
  if (rules.confined) return problem("image_outside_folder", at, "absolute paths are refused here", inFolder(rules));
  return (await regularFile(path)) ?? problem("image_not_found", at, "no such file", "Check the path.");
}

async function findRelative(path: string, field: string, rules: PathRules): Promise<FoundFile | Problem> {
  const at = [field, path] as const;
  const tried = candidates(path, rules);
  if (tried.length === 0) {
    const fix = "Move the images beside the manifest, name a root that holds both, or use absolute paths.";
    return problem("image_outside_folder", at, `the path leaves ${rules.root}`, rules.confined ? inFolder(rules) : fix);
  }
  for (const candidate of tried) {
    const found = await regularFile(candidate);
    if (!found) continue;
    if (!rules.confined || !(await isLinked(candidate, rules.root))) return found;
    const fix = "Put the file itself in the manifest's folder.";
    return problem("image_outside_folder", at, "symbolic links are refused here", fix);
  }
  return problem("image_not_found", at, `no such file; tried ${tried.join(", ")}`, inFolder(rules));
}

/** Finds the regular file an image path names, or says why it may not or cannot be read. */
export async function findImageFile(path: string, field: string, rules: PathRules): Promise<FoundFile | Problem> {
  if (path.includes("\0")) {
    return problem("image_not_found", [field, path], "a path cannot hold a zero byte", inFolder(rules));
  }
  return isAbsolute(path) ? findAbsolute(path, field, rules) : findRelative(path, field, rules);
}
