import assert from "node:assert/strict";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { acquireLock, type FolderLock, type HeldLock, heldMessage } from "../../functions/adapters/files/lock.ts";
import { type Child, startChild } from "../support/child.ts";
import { tempFolder } from "../support/temp-folder.ts";

test("tells a second process who holds the folder, since when, and what to do", async () => {
  await using folder = await tempFolder("lock");
  const before = new Date().toISOString();
  const [first] = await holders(folder.path, 1);
  await acquireIn(first);
  const lock = await acquireLock(folder.path);
  assert.ok(lock.outcome === "held");
  assert.deepEqual({ ...lock, since: "" }, { outcome: "held", pid: first.pid, host: hostname(), since: "" });
  assert.ok(before <= lock.since && lock.since <= new Date().toISOString());
  assert.match(
    heldMessage("runs/a", lock),
    new RegExp(`^runs/a is in use by process ${first.pid} on .* "kill ${first.pid}"`),
  );
  await first.kill();
});

test("gives a released folder to the next one; releasing twice changes nothing", async () => {
  await using folder = await tempFolder("lock");
  const path = join(folder.path, "made/on/the/way");
  const mine = await acquired(path);
  assert.equal((await acquireLock(path)).outcome, "held");
  await mine.release();
  const [other] = await holders(path, 1);
  assert.equal((await acquireIn(other)).outcome, "acquired");
  await mine.release();
  assert.equal((await acquireLock(path)).outcome, "held");
  await other.kill();
});

test("takes over the folder of a killed process", async () => {
  await using folder = await tempFolder("lock");
  for (let round = 0; round < 3; round++) {
    const [killed] = await holders(folder.path, 1);
    assert.equal((await acquireIn(killed)).outcome, "acquired");
    await killed.kill();
    await (await acquired(folder.path)).release();
  }
});

test("is not fooled by what a dead process has left, even if its number is in use again", async () => {
  await using folder = await tempFolder("lock");
  await mkdir(folder.path, { recursive: true });
  await writeFile(join(folder.path, "~lock"), "");
  const left = { pid: process.pid, host: hostname(), startTicks: "1", since: "2026-01-01T00:00:00.000Z" };
  await writeFile(join(folder.path, "~lock.json"), JSON.stringify(left));
  await (await acquired(folder.path)).release();
});

test("waits for the name of a new holder instead of telling that of a dead one", async () => {
  await using folder = await tempFolder("lock");
  const [dead, holder] = (await holders(folder.path, 2)) as [Child, Child];
  await acquireIn(dead);
  const nameOfDead = await readFile(join(folder.path, "~lock.json"), "utf8");
  await dead.kill();
  await acquireIn(holder);
  const nameOfHolder = await readFile(join(folder.path, "~lock.json"), "utf8");
  await writeFile(join(folder.path, "~lock.json"), nameOfDead);
  const asking = acquireLock(folder.path);
  await pause(100);
  await writeFile(join(folder.path, "~lock.json.new"), nameOfHolder);
  await rename(join(folder.path, "~lock.json.new"), join(folder.path, "~lock.json"));
  const answer = await asking;
  assert.equal(answer.outcome === "held" && answer.pid, holder.pid);
  await holder.kill();
});

test("lets exactly one of many processes win, also when the last holder was killed", async () => {
  await using folder = await tempFolder("lock");
  let racers: Child[] = await holders(folder.path, 5);
  for (let round = 0; round < 12; round++) {
    const results = await Promise.all(racers.map(acquireIn));
    const winners = racers.filter((_, i) => results[i]?.outcome === "acquired");
    assert.equal(winners.length, 1, `round ${round}`);
    const [winner] = winners as [Child];
    const told = results.filter((result): result is HeldLock => result.outcome === "held").map(({ pid }) => pid);
    assert.deepEqual(new Set(told), new Set([winner.pid]), "the others are told who");
    if (round % 4 === 3) {
      await winner.kill();
      racers = racers.filter((racer) => racer !== winner);
    } else {
      winner.say("release");
      assert.equal(await winner.nextLine(), "released");
    }
  }
  await Promise.all(racers.map((racer) => racer.kill()));
});

async function acquired(folder: string): Promise<FolderLock & { outcome: "acquired" }> {
  const lock = await acquireLock(folder);
  assert.ok(lock.outcome === "acquired", "the folder is free");
  return lock;
}

async function holders(folder: string, count: number): Promise<[Child, ...Child[]]> {
  const children = Array.from({ length: count }, () => startChild("./lock-holder.ts", folder));
  for (const child of children) assert.equal(await child.nextLine(), "ready");
  return children as [Child, ...Child[]];
}

async function acquireIn(child: Child): Promise<FolderLock> {
  child.say("acquire");
  return JSON.parse((await child.nextLine()) ?? "{}");
}
