import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { folderBlobStore } from "../../functions/adapters/files/blob-store.ts";
import { openSqliteStore, type SqliteStore } from "../../functions/adapters/sqlite/store.ts";
import { type BlobStore, contentKey } from "../../shared/ports/blob-store.ts";
import { allOf } from "../support/all-of.ts";
import { startChild } from "../support/child.ts";
import { contentOf, HOT_KEY, keyOf, RUN, replyOf, sampleOf } from "../support/durable-work.ts";
import { tempFolder } from "../support/temp-folder.ts";

const KILLS = 6;
/** Work goes on for up to this long before the process is killed. */
const LONGEST_LIFE_MS = 250;

test("a SQLite store whose process is killed keeps every acknowledged write and no half of one", async (t) => {
  await using folder = await tempFolder("killed");
  const path = join(folder.path, "state.sqlite");
  const acknowledged = await killAgainAndAgain("sqlite", path, async (all) => {
    const store = openSqliteStore(path);
    await checkStore(store, all);
    await store.close();
  });
  t.diagnostic(`${KILLS} kills, ${acknowledged.length} acknowledged`);
});

test("a folder whose process is killed keeps every acknowledged blob, and every blob in it is whole", async (t) => {
  await using folder = await tempFolder("killed");
  const acknowledged = await killAgainAndAgain("folder", folder.path, async (all) => {
    const blobs = await folderBlobStore(folder.path);
    await checkBlobs(blobs, all);
    assert.deepEqual(await readdir(join(folder.path, "~tmp")), [], "nothing half-written is left");
  });
  t.diagnostic(`${KILLS} kills, ${acknowledged.length} acknowledged`);
});

async function killAgainAndAgain(
  kind: "sqlite" | "folder",
  path: string,
  check: (acknowledged: readonly number[]) => Promise<void>,
): Promise<number[]> {
  const all: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    all.push(...(await oneLife(kind, path, Math.max(-1, ...all) + 100)));
    await check(all);
  }
  return all;
}

/** Numbers that were acknowledged before the kill. */
async function oneLife(kind: string, path: string, first: number): Promise<number[]> {
  const child = startChild("./durable-writer.ts", kind, path, `${first}`);
  const acknowledged = [Number(await child.nextLine())];
  const reading = (async () => {
    for await (const line of child.lines) acknowledged.push(Number(line));
  })();
  await pause(Math.random() * LONGEST_LIFE_MS);
  await child.kill();
  await reading;
  return acknowledged;
}

async function checkStore({ samples, ledger, replies, database }: SqliteStore, all: readonly number[]): Promise<void> {
  const found = await replies.getMany(all.map(String));
  for (const index of all) {
    const { runId, passId, sampleId } = sampleOf(index);
    assert.deepEqual(await samples.get(runId, passId, sampleId), { ...sampleOf(index), state: "generated" });
    assert.equal(found.get(`${index}`), replyOf(index));
  }
  const reserved = database.prepare("SELECT count(*) AS rows FROM ledger_reservations").get()?.["rows"] as number;
  assert.ok(reserved >= all.length);
  assert.equal((await ledger.read(RUN))?.reserved, 3 * reserved, "account and reservations agree");
  assert.equal(database.prepare("PRAGMA integrity_check").get()?.["integrity_check"], "ok");
}

async function checkBlobs(blobs: BlobStore, all: readonly number[]): Promise<void> {
  for (const index of all) {
    assert.equal(await textOf(blobs, keyOf(index)), contentOf(index));
    const hash = createHash("sha256").update(contentOf(index)).digest("hex");
    assert.equal(await textOf(blobs, contentKey(hash)), contentOf(index));
  }
  for (const key of await allOf(blobs.list(""))) {
    const text = await textOf(blobs, key);
    assert.equal(text, contentOf(Number.parseInt(text, 10)), `${key} is whole`);
  }
  assert.ok(await blobs.read(HOT_KEY));
}

async function textOf(blobs: BlobStore, key: string): Promise<string> {
  return Buffer.from((await blobs.read(key)) ?? []).toString();
}
