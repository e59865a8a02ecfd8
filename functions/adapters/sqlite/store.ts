import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { ServiceStore } from "../../../shared/ports/service-store.ts";
import type { StateStore } from "../../../shared/ports/state-store.ts";
import { groupCommit, type Write } from "./group-commit.ts";
import { sqliteLedger } from "./ledger.ts";
import { sqliteReplies } from "./replies.ts";
import { sqliteRuns } from "./runs.ts";
import { sqliteSamples } from "./samples.ts";
import { migrateReplies, migrateState } from "./schema.ts";
import { sqliteService } from "./service.ts";
import { sqliteShards } from "./shards.ts";

/**
 * A StateStore whose file others may share: `database` for reading and for creating tables, `write` for writing them in
 * the same group commit. Whoever runs a transaction of their own on `database` must end it before anything is awaited.
 * `service` lies in the same file.
 */
export type SqliteStore = StateStore & { service: ServiceStore; database: DatabaseSync; write: Write };

/**
 * Opens or creates the file (`:memory:` for none) and its folder. An acknowledged write survives a killed process and
 * a lost machine (WAL, `synchronous = FULL`).
 */
export function openSqliteStore(path: string): SqliteStore {
  if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true });
  const database = openDatabase(path, { synchronous: "FULL", migrate: migrateState });
  const { write, flush } = groupCommit(database);
  // Replies are a cache: they survive a killed process, and a lost machine costs the last of them, asked again. So they
  // need no fsync for each group; what that saves was not measured by itself.
  const cache = openDatabase(repliesPath(path), { synchronous: "NORMAL", migrate: migrateReplies });
  const cached = groupCommit(cache);
  return {
    database,
    write,
    runs: sqliteRuns(database, write),
    samples: sqliteSamples(database, write),
    shards: sqliteShards(database, write),
    ledger: sqliteLedger(database, write),
    replies: sqliteReplies(cache, cached.write),
    service: sqliteService(database, write),
    async close() {
      if (!database.isOpen) return;
      flush();
      cached.flush();
      database.close();
      cache.close();
    },
  };
}

const repliesPath = (path: string): string =>
  path === ":memory:" ? path : `${path.replace(/\.sqlite$/, "")}-replies.sqlite`;

/** How long to wait for another process that is just committing or opening. Our choice. */
const BUSY_MS = 5000;
const RETRY_MS = 10;

type Opening = { synchronous: "FULL" | "NORMAL"; migrate: (database: DatabaseSync, path: string) => void };

function openDatabase(path: string, { synchronous, migrate }: Opening): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    database.exec(`PRAGMA synchronous = ${synchronous}; PRAGMA cache_size = -32000; PRAGMA foreign_keys = ON`);
    const mode = writeAheadLog(database);
    if (mode !== "wal" && path !== ":memory:") {
      throw new Error(`${path}: this file system cannot hold a write-ahead log (got ${mode}); use a local disk`);
    }
    migrate(database, path);
    return database;
  } catch (error) {
    database.close();
    throw isNotADatabase(error) ? new Error(`${path}: not a SQLite file; move it away or use another folder`) : error;
  }
}

/**
 * SQLite does not wait for others when the journal mode is changed, so whoever finds the file locked by another who is just opening it tries again, for as long.
 */
function writeAheadLog(database: DatabaseSync): unknown {
  const change = database.prepare("PRAGMA journal_mode = WAL");
  for (let waited = 0; ; waited += RETRY_MS) {
    try {
      return change.get()?.["journal_mode"];
    } catch (error) {
      if (!isLocked(error) || waited >= BUSY_MS) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}

function isLocked(error: unknown): boolean {
  const SQLITE_BUSY = 5; // sqlite.org/rescode.html
  return error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY;
}

function isNotADatabase(error: unknown): boolean {
  const SQLITE_NOTADB = 26; // sqlite.org/rescode.html
  return error instanceof Error && "errcode" in error && error.errcode === SQLITE_NOTADB;
}
