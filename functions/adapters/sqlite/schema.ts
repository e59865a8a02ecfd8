import type { DatabaseSync } from "node:sqlite";
import { SERVICE_TABLES } from "./service-schema.ts";

/**
 * Accounts of anything countable, and reservations that take from several of them. Before, an account was a run's, and a
 * reservation took from one.
 */
const LEDGER_OF_ANYTHING = `
  CREATE TABLE ledger_accounts (
    account TEXT PRIMARY KEY,
    budget INTEGER NOT NULL CHECK (budget >= 0),
    reserved INTEGER NOT NULL CHECK (reserved >= 0),
    settled INTEGER NOT NULL CHECK (settled >= 0),
    -- Open reservations that take from it, also those that take 0: while there are any, it is not forgotten.
    holders INTEGER NOT NULL CHECK (holders >= 0)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE ledger_reservations (
    id TEXT PRIMARY KEY, lease_until INTEGER NOT NULL, open INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX ledger_reservations_open ON ledger_reservations (lease_until, id) WHERE open = 1;
  CREATE TABLE ledger_amounts (
    id TEXT NOT NULL REFERENCES ledger_reservations ON DELETE CASCADE,
    place INTEGER NOT NULL,
    account TEXT NOT NULL REFERENCES ledger_accounts,
    amount INTEGER NOT NULL, at_risk INTEGER NOT NULL, charged INTEGER NOT NULL,
    PRIMARY KEY (id, place)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX ledger_amounts_by_account ON ledger_amounts (account);

  INSERT INTO ledger_accounts
    SELECT 'run/' || run_id, budget_micros, reserved_micros, settled_micros,
      (SELECT count(*) FROM reservations AS held WHERE held.run_id = accounts.run_id AND held.open = 1)
    FROM accounts;
  INSERT INTO ledger_reservations
    SELECT 'run/' || run_id || '/' || reservation_id, lease_until, open FROM reservations;
  INSERT INTO ledger_amounts
    SELECT 'run/' || run_id || '/' || reservation_id, 0, 'run/' || run_id, micros, 0, settled_micros FROM reservations;
  DROP TABLE reservations;
  DROP TABLE accounts;
`;

/** One entry per schema version; a file is brought up from its `user_version` step by step. Never edit a released one. */
const MIGRATIONS = [
  `
  CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, version INTEGER NOT NULL, row TEXT NOT NULL
  ) STRICT;
  CREATE INDEX runs_newest ON runs (created_at, run_id);

  -- Samples name their pass by number: two long texts less in every row and index entry. Their rows lie in the order of
  -- creation, shard by shard, so that a shard's moves touch few pages (3 times faster than ordered by id, measured 2026-11).
  CREATE TABLE passes (
    pass INTEGER PRIMARY KEY, run_id TEXT NOT NULL, pass_id TEXT NOT NULL, UNIQUE (run_id, pass_id)
  ) STRICT;
  CREATE TABLE samples (
    pass INTEGER NOT NULL, sample_id TEXT NOT NULL, shard_id TEXT NOT NULL, state TEXT NOT NULL, attempt INTEGER NOT NULL,
    pointer_key TEXT NOT NULL, pointer_offset INTEGER NOT NULL, pointer_length INTEGER NOT NULL, reason TEXT,
    UNIQUE (pass, sample_id)
  ) STRICT;
  CREATE INDEX samples_by_state ON samples (pass, state, sample_id);
  CREATE INDEX samples_by_shard ON samples (pass, shard_id, sample_id);

  CREATE TABLE shards (
    run_id TEXT NOT NULL, pass_id TEXT NOT NULL, stage TEXT NOT NULL, shard_id TEXT NOT NULL,
    state TEXT NOT NULL, attempt INTEGER NOT NULL, row TEXT NOT NULL,
    PRIMARY KEY (run_id, pass_id, stage, shard_id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE accounts (
    run_id TEXT PRIMARY KEY,
    budget_micros INTEGER NOT NULL CHECK (budget_micros >= 0),
    reserved_micros INTEGER NOT NULL CHECK (reserved_micros >= 0),
    settled_micros INTEGER NOT NULL CHECK (settled_micros >= 0)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE reservations (
    run_id TEXT NOT NULL REFERENCES accounts, reservation_id TEXT NOT NULL,
    micros INTEGER NOT NULL, settled_micros INTEGER NOT NULL, lease_until INTEGER NOT NULL, open INTEGER NOT NULL,
    PRIMARY KEY (run_id, reservation_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX reservations_open ON reservations (lease_until, reservation_id) WHERE open = 1;
  `,
  LEDGER_OF_ANYTHING,
  SERVICE_TABLES,
];

const REPLY_MIGRATIONS = ["CREATE TABLE replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL) STRICT"];

/** Creates or upgrades the tables; refuses a file that a newer program has written. */
export const migrateState = (database: DatabaseSync, path: string): void => migrate(database, path, MIGRATIONS);
export const migrateReplies = (database: DatabaseSync, path: string): void => migrate(database, path, REPLY_MIGRATIONS);

function migrate(database: DatabaseSync, path: string, migrations: readonly string[]): void {
  if (versionOf(database, path, migrations) === migrations.length) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    // Read again under the lock: another process may have brought the file up in the meantime.
    const version = versionOf(database, path, migrations);
    for (const statements of migrations.slice(version)) database.exec(statements);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function versionOf(database: DatabaseSync, path: string, { length }: readonly string[]): number {
  const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (version <= length) return version;
  throw new Error(
    `${path}: its schema version is ${version}, this program knows up to ${length}; update the program, or use another folder`,
  );
}
