import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import { isRunning, type ProcessIdentity, thisProcess } from "./process-identity.ts";

/** `~` is not allowed in keys: no blob can have this name. One folder for all, so that cleaning need not walk the tree. */
const TEMP_FOLDER = "~tmp";
/** A write that has not grown for an hour is not coming back (our choice). */
const ABANDONED_AFTER_MS = 3_600_000;

export type TempFiles = { nextPath(): string };

/** Counted for each thread in a range of its own: threads are of one process, and so of one owner. */
let written = threadId * 2 ** 32;

/** Makes the folder for half-written files, and removes what killed processes have left in it. */
export async function openTempFiles(root: string): Promise<TempFiles> {
  const folder = join(root, TEMP_FOLDER);
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    if (await isAbandoned(join(folder, name), name)) await rm(join(folder, name), { force: true });
  }
  const owner = ownerName(thisProcess());
  return { nextPath: () => join(folder, `${owner}~${written++}`) };
}

async function isAbandoned(path: string, name: string): Promise<boolean> {
  const owner = ownerOf(name);
  if (owner && !isRunning(owner)) return true;
  const info = await stat(path).catch(() => undefined);
  return info !== undefined && Date.now() - info.mtimeMs > ABANDONED_AFTER_MS;
}

function ownerName({ host, pid, startTicks = "" }: ProcessIdentity): string {
  return `${host}~${pid}~${startTicks}`;
}

/** `undefined` for a file that this program has not named. */
function ownerOf(name: string): ProcessIdentity | undefined {
  const [, host, pid, startTicks] = /^([^~]+)~(\d+)~(\d*)~\d+$/.exec(name) ?? [];
  if (host === undefined || !startTicks) return host === undefined ? undefined : { host, pid: Number(pid) };
  return { host, pid: Number(pid), startTicks };
}
