import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryBlobStore } from "../../../functions/adapters/memory/blob-store.ts";
import { memoryStateStore } from "../../../functions/adapters/memory/state-store.ts";
import { openCatalog } from "../../../functions/api/chat/catalog.ts";
import { embeddedConfig } from "../../../functions/runtime/embedded-models.ts";
import { writeJson } from "../../../functions/workers/files.ts";
import { configKey, selectionKey } from "../../../shared/keys.ts";
import type { RunState } from "../../../shared/schemas/rows.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

const NONE = { data: "none", selection: "none", evaluation: "none" };
const configOf = (name: string, rounds: number) => embeddedConfig({ name, seed: 1, rounds, ...NONE });

function world() {
  const clock = virtualClock(1_700_000_000_000);
  const [store, blobs] = [memoryStateStore(), memoryBlobStore()];
  const bind = () => Promise.reject(new Error("nothing is asked here"));
  const base = [{ id: "embedded/policy", config: configOf("base", 1) }];
  const catalog = openCatalog({ store, blobs, clock, base, bind });

  async function promote(runId: string, round: number): Promise<void> {
    const checkpoint = {
      id: `${runId}-r${round}`,
      key: `${runId}/${round}.safetensors`,
      sha256: "ab",
      step: 1,
      epoch: 1,
    };
    const selection = { outcome: "selected", checkpoint: checkpoint.id, reason: "the last", considered: [] };
    await writeJson(blobs, selectionKey(runId, round), { checkpoint, selection });
  }
  async function run(runId: string, name: string, state: RunState = "running"): Promise<void> {
    const now = clock.now();
    await writeJson(blobs, configKey(runId), configOf(name, 3));
    const times = { createdAt: now, updatedAt: now, workedMs: 0 };
    await store.runs.create({
      runId,
      name,
      state,
      version: 0,
      configKey: configKey(runId),
      round: 0,
      rounds: 3,
      ...times,
    });
    await clock.advance(1000);
  }
  const ids = async () => {
    await clock.advance(5000);
    return (await catalog.list()).map(({ id }) => id);
  };
  return { catalog, promote, run, ids };
}

test("every promoted checkpoint is served, newest run and round first, after the base models", async () => {
  const { run, promote, ids } = world();
  await run("demo-1", "demo");
  await run("photos-1", "photos");
  assert.deepEqual(await ids(), ["embedded/policy"]);
  await promote("demo-1", 1);
  await promote("demo-1", 3);
  await promote("photos-1", 2);
  assert.deepEqual(await ids(), ["embedded/policy", "rlaifv-photos-r2", "rlaifv-demo-r3", "rlaifv-demo-r1"]);
});

test("of two runs of one name the newest has the short one, and both are found by their ids", async () => {
  const { run, promote, ids, catalog } = world();
  await run("demo-old", "demo", "finished");
  await promote("demo-old", 1);
  assert.deepEqual(await ids(), ["embedded/policy", "rlaifv-demo-r1"]);
  await run("demo-new", "demo");
  await promote("demo-new", 1);
  assert.deepEqual(await ids(), ["embedded/policy", "rlaifv-demo-r1", "rlaifv-demo-old-r1"]);
  const found = async (id: string) => (await catalog.find(id))?.checkpoint?.key;
  assert.equal(await found("rlaifv-demo-r1"), "demo-new/1.safetensors");
  assert.equal(await found("rlaifv-demo-new-r1"), "demo-new/1.safetensors");
  assert.equal(await found("rlaifv-demo-old-r1"), "demo-old/1.safetensors");
  assert.equal(await found("rlaifv-demo-r2"), undefined);
});

test("a run whose name says rlaifv already is not called so twice", async () => {
  const { run, promote, ids } = world();
  await run("rlaifv-x-1", "rlaifv-x");
  await promote("rlaifv-x-1", 1);
  assert.deepEqual(await ids(), ["embedded/policy", "rlaifv-x-r1"]);
});
