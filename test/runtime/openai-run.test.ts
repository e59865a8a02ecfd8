import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { engineServer } from "../../functions/api/chat/engine-server.ts";
import { type Listening, listen } from "../../functions/api/listen.ts";
import { writeScenes } from "../../functions/embedded/world/write-scenes.ts";
import { createRun } from "../../functions/runtime/create-run.ts";
import { driveRun } from "../../functions/runtime/drive.ts";
import { finishRun } from "../../functions/runtime/finish.ts";
import { type Local, openLocal } from "../../functions/runtime/local.ts";
import { planRun } from "../../functions/runtime/plan-run.ts";
import { runAccount } from "../../shared/budget/accounts.ts";
import { pairsKey } from "../../shared/keys.ts";
import { RunConfig } from "../../shared/schemas/config.ts";
import type { RunEvent } from "../../shared/schemas/events.ts";
import { servedOn } from "../support/openai-server.ts";
import { scriptedVlm } from "../support/scripted-vlm.ts";
import { tempFolder } from "../support/temp-folder.ts";

const PRICE = { input: 1, output: 2 };

/** A real server on a real port, and a config whose every role is on it. */
async function world(folder: string, images: number) {
  const engine = scriptedVlm();
  const app = engineServer(servedOn(engine, { models: ["vlm"] }));
  const server = await listen(app, { port: 0, host: "127.0.0.1" });
  const manifest = await writeScenes({ folder: join(folder, "scenes"), split: "train", seed: 5, count: images });
  return { engine, server, manifest };
}

function configOn(server: Listening, manifest: string, changes: Partial<RunConfig> = {}): RunConfig {
  const model = { engine: "openai" as const, baseUrl: `${server.url}/v1`, model: "vlm", price: PRICE };
  const roles = { policy: model, divider: model, questioner: model, labelers: [model] };
  const generate = { candidates: 4, maxTokens: 64 };
  return RunConfig.parse({ name: "photos", data: { path: manifest }, ...roles, generate, shardSamples: 4, ...changes });
}

async function run(config: RunConfig, local: Local) {
  const planned = await planRun(config, local, { strict: false });
  await createRun(planned, local);
  const events: RunEvent[] = [];
  const row = await driveRun(planned.plan.runId, local, {
    emit: (event) => events.push(event),
    signal: new AbortController().signal,
  });
  return { row, events, plan: planned.plan };
}

const pairsOf = async (local: Local, runId: string): Promise<string> =>
  new TextDecoder().decode((await local.blobs.read(pairsKey(runId, 1))) ?? new Uint8Array());

test("a run on OpenAI-compatible servers makes a dataset, a report, and nothing twice", async () => {
  await using folder = await tempFolder("openai-run");
  const { engine, server, manifest } = await world(folder.path, 10);
  const local = await openLocal({ dataDir: join(folder.path, "data"), env: {} });
  try {
    const { row, plan } = await run(configOn(server, manifest), local);
    assert.equal(row.state, "finished", row.reason);
    assert.deepEqual(plan.samples, { data: 10, selection: 0, evaluation: 0 });
    const report = await finishRun(row, local);
    assert.equal(report.rounds[0]?.candidates, 40);
    assert.ok(report.rounds[0].pairs > 0);
    assert.ok(report.cost_usd > 0);
    const { paired = 0, unpaired = 0 } = report.rounds[0].funnel;
    assert.equal(paired + unpaired, 10, "every sample ends in a final state");
    const card = await readFile(join(local.dataDir, "runs", row.runId, "rounds/1/dataset/parquet/README.md"), "utf8");
    assert.match(card, /^---\n/);
    const signal = new AbortController().signal;
    assert.deepEqual(
      await driveRun(row.runId, local, { emit: () => {}, signal }),
      row,
      "a finished run stays as it is",
    );
    const askedBefore = engine.asked;
    const again = await run(configOn(server, manifest, { name: "again" }), local);
    assert.equal(again.row.state, "finished");
    assert.equal(await pairsOf(local, again.row.runId), await pairsOf(local, row.runId));
    assert.ok(engine.asked - askedBefore <= 10, "the second run asks only what tells it what the server can do");
  } finally {
    await local.close();
    await server.close();
  }
});

test("a run that its budget stops goes on when it is raised, and ends with the same pairs", async () => {
  await using folder = await tempFolder("budget");
  const { server, manifest } = await world(folder.path, 12);
  const rich = await openLocal({ dataDir: join(folder.path, "rich"), env: {} });
  const poor = await openLocal({ dataDir: join(folder.path, "poor"), env: {} });
  try {
    const whole = await run(configOn(server, manifest), rich);
    const spent = (await rich.store.ledger.read(runAccount(whole.row.runId)))!.settled;
    const short = await run(configOn(server, manifest, { budgetUsd: (spent * 2) / 1e6 }), poor);
    assert.equal(short.row.state, "paused", `${short.row.state}: ${short.row.reason}`);
    const atPause = (await poor.store.ledger.read(runAccount(short.row.runId)))!;
    assert.ok(atPause.settled > 0 && atPause.settled + atPause.reserved <= atPause.budget);
    assert.equal((await finishRun(short.row, poor)).run.state, "paused", "what there is can be reported");
    await poor.store.ledger.open(runAccount(short.row.runId), 10_000_000);
    const resumed = await driveRun(short.row.runId, poor, { emit: () => {}, signal: new AbortController().signal });
    assert.equal(resumed.state, "finished", resumed.reason);
    assert.equal(await pairsOf(poor, short.row.runId), await pairsOf(rich, whole.row.runId));
  } finally {
    await Promise.all([rich.close(), poor.close(), server.close()]);
  }
});

test("bad rows are told with line, field and way out, and the others go on", async () => {
  await using folder = await tempFolder("bad-rows");
  const { server, manifest } = await world(folder.path, 3);
  const lines = (await readFile(manifest, "utf8")).trim().split("\n");
  const bad = [
    "not json",
    JSON.stringify({ image: "gone.png", question: "?" }),
    JSON.stringify({ image: "x", question: "" }),
  ];
  await writeFile(manifest, [lines[0], ...bad, lines[1], lines[2]].join("\n"));
  const local = await openLocal({ dataDir: join(folder.path, "data"), env: {} });
  try {
    const { plan } = await planRun(configOn(server, manifest), local, { strict: false });
    assert.equal(plan.samples.data, 3);
    assert.deepEqual(
      plan.badRows.first.map(({ line, code }) => [line, code]),
      [
        [2, "not_json"],
        [3, "image_not_found"],
        [4, "empty_question"],
      ],
    );
    await assert.rejects(planRun(configOn(server, manifest), local, { strict: true }), /3 bad rows/);
  } finally {
    await Promise.all([local.close(), server.close()]);
  }
});
