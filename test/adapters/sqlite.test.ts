import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { openSqliteStore } from "../../functions/adapters/sqlite/store.ts";
import { stateStoreContract } from "../contract/state-store.ts";
import { tempFolder } from "../support/temp-folder.ts";

stateStoreContract("SQLite", async () => {
  const folder = await tempFolder("sqlite");
  const store = openSqliteStore(join(folder.path, "deep", "state.sqlite"));
  return { ...store, close: () => store.close().finally(() => folder[Symbol.asyncDispose]()) };
});

test("keeps everything when the file is closed and opened again", async () => {
  await using folder = await tempFolder("sqlite");
  const path = join(folder.path, "state.sqlite");
  const before = openSqliteStore(path);
  await before.ledger.open("r", 100);
  const unanswered = before.replies.putMany([{ key: "k", reply: "v" }]);
  await before.close();
  await unanswered;
  await before.close();
  await assert.rejects(before.ledger.open("r", 5), /closed/);

  const after = openSqliteStore(path);
  assert.deepEqual(await after.ledger.read("r"), {
    account: "r",
    budget: 100,
    reserved: 0,
    settled: 0,
  });
  assert.deepEqual(await after.replies.getMany(["k"]), new Map([["k", "v"]]));
  await after.close();
});

test("carries the accounts and reservations of the first version over, and gives their money back to the run", async () => {
  await using folder = await tempFolder("sqlite");
  const path = join(folder.path, "state.sqlite");
  const old = new DatabaseSync(path);
  old.exec(FIRST_VERSION);
  old.exec(`
    INSERT INTO accounts VALUES ('demo', 100, 30, 12), ('other', 50, 4, 0);
    INSERT INTO reservations VALUES
      ('demo', '1.train/generate/s0/7', 20, 12, 90, 0), ('demo', '1.train/generate/s1/8', 30, 0, 90, 1),
      ('other', '1.train/generate/s1/8', 4, 0, 95, 1);
  `);
  old.close();
  const { ledger, close } = openSqliteStore(path);
  assert.deepEqual(await ledger.read("run/demo"), { account: "run/demo", budget: 100, reserved: 30, settled: 12 });
  const known = { amounts: [{ account: "run/demo", amount: 1 }], leaseUntil: 1 };
  const again = await ledger.reserve({ id: "run/demo/1.train/generate/s0/7", ...known });
  assert.deepEqual(again, { outcome: "already_closed" });
  assert.deepEqual(await ledger.expire(Number.MAX_SAFE_INTEGER, "run/demo/"), ["run/demo/1.train/generate/s1/8"]);
  assert.deepEqual(await ledger.read("run/demo"), { account: "run/demo", budget: 100, reserved: 0, settled: 12 });
  assert.deepEqual(await ledger.read("run/other"), { account: "run/other", budget: 50, reserved: 4, settled: 0 });
  await close();
});

test("opens beside a process that is writing, and sees what it has answered", async () => {
  await using folder = await tempFolder("sqlite");
  const [writer, reader] = [0, 1].map(() => openSqliteStore(join(folder.path, "state.sqlite")));
  assert.ok(writer && reader);
  await writer.replies.putMany([{ key: "k", reply: "v" }]);
  assert.deepEqual(await reader.replies.getMany(["k"]), new Map([["k", "v"]]));
  await Promise.all([writer.close(), reader.close()]);
});

test("shares one transaction among all writes of a tick, and undoes only the one that fails", async () => {
  await using folder = await tempFolder("sqlite");
  const store = openSqliteStore(join(folder.path, "state.sqlite"));
  store.database.exec("CREATE TABLE notes (text TEXT PRIMARY KEY) STRICT");
  const note = store.database.prepare("INSERT INTO notes VALUES (?)");
  const results = await Promise.allSettled([
    store.replies.putMany([{ key: "k", reply: "v" }]),
    store.write(() => {
      note.run("half");
      throw new Error("changed my mind");
    }),
    store.write(() => Number(note.run("whole").changes)),
    store.write(() => note.run("whole")),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled", "rejected"],
  );
  assert.deepEqual(
    store.database
      .prepare("SELECT text FROM notes")
      .all()
      .map((row) => row["text"]),
    ["whole"],
  );
  assert.equal((await store.replies.getMany(["k"])).size, 1);
  await store.close();
});

test("answers no write before its commit: others see it in the file at once", async () => {
  await using folder = await tempFolder("sqlite");
  const path = join(folder.path, "state.sqlite");
  const store = openSqliteStore(path);
  const other = new DatabaseSync(path, { readOnly: true });
  const seen = other.prepare("SELECT count(*) AS rows FROM ledger_accounts WHERE account = ?");
  await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      await store.ledger.open(`k${i}`, 5);
      assert.equal(seen.get(`k${i}`)?.["rows"], 1);
      assert.equal(store.database.isTransaction, false);
    }),
  );
  other.close();
  await store.close();
});

test("fails all writes of a tick loudly when somebody left a transaction open, and works again afterwards", async () => {
  const store = openSqliteStore(":memory:");
  store.database.exec("BEGIN");
  await assert.rejects(store.ledger.open("r", 5), /transaction/);
  store.database.exec("ROLLBACK");
  assert.equal((await store.ledger.open("r", 5)).budget, 5);
  await store.close();
});

test("refuses a file of a newer version and a file that is no database, saying what to do", async () => {
  await using folder = await tempFolder("sqlite");
  const path = join(folder.path, "state.sqlite");
  const newer = new DatabaseSync(path);
  newer.exec("PRAGMA user_version = 77");
  newer.close();
  assert.throws(() => openSqliteStore(path), /schema version is 77, this program knows up to \d; update the program/);

  const text = join(folder.path, "text.sqlite");
  await writeFile(text, "this is a letter, not a database\n".repeat(200));
  assert.throws(() => openSqliteStore(text), /text\.sqlite: not a SQLite file/);
});

/** Version 1 as released, without the indexes that no later step touches. */
const FIRST_VERSION = `
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
  CREATE TABLE runs (run_id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, version INTEGER NOT NULL, row TEXT NOT NULL) STRICT;
  CREATE TABLE passes (pass INTEGER PRIMARY KEY, run_id TEXT NOT NULL, pass_id TEXT NOT NULL, UNIQUE (run_id, pass_id)) STRICT;
  CREATE TABLE samples (
    pass INTEGER NOT NULL, sample_id TEXT NOT NULL, shard_id TEXT NOT NULL, state TEXT NOT NULL, attempt INTEGER NOT NULL,
    pointer_key TEXT NOT NULL, pointer_offset INTEGER NOT NULL, pointer_length INTEGER NOT NULL, reason TEXT,
    UNIQUE (pass, sample_id)
  ) STRICT;
  CREATE TABLE shards (
    run_id TEXT NOT NULL, pass_id TEXT NOT NULL, stage TEXT NOT NULL, shard_id TEXT NOT NULL,
    state TEXT NOT NULL, attempt INTEGER NOT NULL, row TEXT NOT NULL, PRIMARY KEY (run_id, pass_id, stage, shard_id)
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = 1;
`;
