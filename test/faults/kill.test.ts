import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openSqliteStore } from "../../functions/adapters/sqlite/store.ts";
import { randomFrom } from "../../shared/random.ts";
import type { ShardRow } from "../../shared/schemas/rows.ts";
import { writeSmallRun } from "../support/small-run.ts";
import { tempFolder } from "../support/temp-folder.ts";

const KILLS = 20;
const MAIN = new URL("../../functions/cli/main.ts", import.meta.url).pathname;
const random = randomFrom(2405);

function start(...parameters: string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...parameters], { stdio: ["ignore", "pipe", "pipe"] });
}

async function output(child: ChildProcess): Promise<{ code: number | null; text: string }> {
  let text = "";
  child.stdout?.on("data", (piece) => (text += piece));
  child.stderr?.on("data", (piece) => (text += piece));
  const [code] = (await once(child, "exit")) as [number | null];
  return { code, text };
}

/** SHA-256 of every file that a run hands on: pairs, datasets, checkpoints. */
async function handedOn(dataDir: string): Promise<Record<string, string>> {
  const [run] = await readdir(join(dataDir, "runs"));
  const rounds = join(dataDir, "runs", run!, "rounds");
  const files = (await readdir(rounds, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const named = files.map((entry) => join(entry.parentPath, entry.name).slice(rounds.length + 1));
  const kept = named.filter((name) => /pairs\.jsonl$|dataset\/|\.safetensors$|selection\.json$/.test(name)).sort();
  const hashes: Record<string, string> = {};
  for (const name of kept)
    hashes[name] = createHash("sha256")
      .update(await readFile(join(rounds, name)))
      .digest("hex");
  return hashes;
}

async function doneShards(dataDir: string): Promise<ShardRow[]> {
  const store = openSqliteStore(join(dataDir, "state.sqlite"));
  try {
    const [run] = (await store.runs.list({ limit: 1 })).items;
    const rows = run === undefined ? [] : await store.shards.list({ runId: run.runId });
    return rows.filter(({ state }) => state === "done");
  } finally {
    await store.close();
  }
}

const keyOf = ({ passId, stage, shardId }: ShardRow): string => `${passId} ${stage} ${shardId}`;

/** Kills the run at random moments until it ends by itself; gives how often it was killed. */
async function runWithKills(config: string, dataDir: string, usualMs: number): Promise<number> {
  for (let kills = 0; ; kills++) {
    const child = start("run", config, "--data", dataDir);
    const ended = output(child);
    const timer = setTimeout(() => child.kill("SIGKILL"), 200 + random() * usualMs);
    const { code, text } = await ended;
    clearTimeout(timer);
    if (code === 0) return kills;
    assert.equal(child.signalCode, "SIGKILL", text);
    const before = await doneShards(dataDir);
    after.push(async () => {
      const now = new Map((await doneShards(dataDir)).map((row) => [keyOf(row), row]));
      for (const row of before) assert.deepEqual(now.get(keyOf(row)), row, "a finished shard was done again");
    });
  }
}

let after: (() => Promise<void>)[] = [];

test(`a run killed at ${KILLS} random moments ends with the dataset of an undisturbed run`, async () => {
  await using folder = await tempFolder("kill");
  const config = await writeSmallRun(folder.path, { images: 18, rounds: 2, evaluation: 12 });
  const calm = join(folder.path, "calm");
  const started = performance.now();
  const undisturbed = await output(start("run", config, "--data", calm));
  assert.equal(undisturbed.code, 0, undisturbed.text);
  const usualMs = performance.now() - started;
  const expected = await handedOn(calm);
  assert.ok(Object.keys(expected).some((name) => name.endsWith(".parquet")));
  let kills = 0;
  for (let attempt = 0; kills < KILLS; attempt++) {
    const dataDir = join(folder.path, `killed-${attempt}`);
    after = [];
    kills += await runWithKills(config, dataDir, usualMs);
    assert.deepEqual(await handedOn(dataDir), expected);
    for (const check of after) await check();
  }
  console.log(`killed ${kills} times; an undisturbed run takes ${(usualMs / 1000).toFixed(1)} s`);
});

test("Ctrl-C stops cleanly, says how to go on, and resume finishes", async () => {
  await using folder = await tempFolder("interrupt");
  const config = await writeSmallRun(folder.path, { images: 12, rounds: 1, evaluation: 8 });
  const dataDir = join(folder.path, "data");
  const child = start("run", config, "--data", dataDir);
  child.stderr?.once("data", () => setTimeout(() => child.kill("SIGINT"), 1500));
  const stopped = await output(child);
  assert.equal(stopped.code, 130, stopped.text);
  assert.match(stopped.text, /rlaifv resume small-[0-9a-f]{8}/);
  const resumed = await output(start("resume", "--data", dataDir));
  assert.equal(resumed.code, 0, resumed.text);
});

test("a second process on the same folder is told who works there", async () => {
  await using folder = await tempFolder("second");
  const config = await writeSmallRun(folder.path, { images: 12, rounds: 1, evaluation: 8 });
  const dataDir = join(folder.path, "data");
  const first = start("run", config, "--data", dataDir);
  await once(first.stderr!, "data");
  const second = await output(start("run", config, "--data", dataDir));
  assert.equal(second.code, 5, second.text);
  assert.match(second.text, new RegExp(`in use by process ${first.pid}`));
  first.kill("SIGKILL");
  await once(first, "exit");
});
