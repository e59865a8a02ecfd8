/**
 * One process per folder. The lock itself is SQLite's lock on an empty file: the operating system holds it and drops it
 * when the process ends, however it ends, so a dead holder needs no takeover that two could win. Who holds it stands
 * beside it in a small file, for people; it is believed only while that very process runs.
 */
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { systemClock } from "../clock.ts";
import { replaceFile } from "./durable-files.ts";
import { isRunning, thisProcess } from "./process-identity.ts";

const LOCK_FILE = "~lock";
const HOLDER_FILE = "~lock.json";
/** A new holder writes its name within milliseconds; after this long something is wrong (our choice). */
const NAMELESS_FOR_MS = 5000;
const POLL_MS = 20;

const Holder = z.object({ pid: z.int(), host: z.string(), startTicks: z.string().optional(), since: z.iso.datetime() });

/** `since`: ISO 8601, UTC. */
export type HeldLock = { outcome: "held"; pid: number; host: string; since: string };
export type FolderLock = { outcome: "acquired"; release(): Promise<void> } | HeldLock;

/** SQLite drops a lock when its connection is garbage: those held are kept here, even if a caller forgets its own. */
const held = new Set<DatabaseSync>();

/** Makes the folder if needed. The lock of a dead process is free. Not re-entrant: a second call in one process is `held`. */
export async function acquireLock(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true });
  const deadline = performance.now() + NAMELESS_FOR_MS;
  for (;;) {
    const lock = lockFile(join(folder, LOCK_FILE));
    if (lock) return await named(folder, lock);
    const holder = await readHolder(folder);
    if (holder) return holder;
    if (performance.now() > deadline)
      throw new Error(`${folder} is locked by a process that does not name itself; try again`);
    await systemClock.sleep(POLL_MS);
  }
}

/** What to tell the second process. */
export function heldMessage(folder: string, { pid, host, since }: HeldLock): string {
  return `${folder} is in use by process ${pid} on ${host} since ${since}: wait for it to end, or stop it with Ctrl-C or "kill ${pid}", then start again`;
}

/** `undefined` when somebody else holds it. */
function lockFile(path: string): DatabaseSync | undefined {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // IMMEDIATE, not EXCLUSIVE: of two that start together exactly one gets it (sqlite.org/lockingv3.html, RESERVED).
    database.exec("BEGIN IMMEDIATE");
    return database;
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
}

async function named(folder: string, lock: DatabaseSync): Promise<FolderLock> {
  const path = join(folder, HOLDER_FILE);
  const drop = () => {
    held.delete(lock);
    if (lock.isOpen) lock.close();
  };
  held.add(lock);
  try {
    const holder = { ...thisProcess(), since: new Date().toISOString() };
    await rm(`${path}~new`, { force: true });
    await replaceFile(path, oneChunk(JSON.stringify(holder)), `${path}~new`);
  } catch (error) {
    drop();
    throw error;
  }
  return {
    outcome: "acquired",
    async release() {
      if (!held.has(lock)) return;
      held.delete(lock);
      await rm(path, { force: true }).finally(drop);
    },
  };
}

/** `undefined` while the holder has not named itself yet: no file, or the file of one that is gone. */
async function readHolder(folder: string): Promise<HeldLock | undefined> {
  const text = await readFile(join(folder, HOLDER_FILE), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const { since, ...holder } = Holder.parse(JSON.parse(text));
  const { startTicks, ...known } = holder;
  if (!isRunning(startTicks === undefined ? known : { ...known, startTicks })) return undefined;
  return { outcome: "held", pid: holder.pid, host: holder.host, since };
}

function isBusy(error: unknown): boolean {
  const SQLITE_BUSY = 5; // sqlite.org/rescode.html; the low byte of all its extended codes
  return error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY;
}

async function* oneChunk(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}
