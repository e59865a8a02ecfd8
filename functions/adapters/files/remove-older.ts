import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** Removes the files of a folder that were last written before `before` (ms since 1970). A folder that is not there has none. */
export async function removeOlder(folder: string, before: number): Promise<{ removed: number }> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(nothingThere);
  let removed = 0;
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (!entry.isFile() || (await stat(path)).mtimeMs >= before) continue;
    await rm(path, { force: true });
    removed++;
  }
  return { removed };
}

function nothingThere(error: NodeJS.ErrnoException): never[] {
  if (error.code === "ENOENT") return [];
  throw error;
}
