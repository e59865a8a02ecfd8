import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CreatedRun, PilotView, RunDetail, RunView } from "../../functions/api/contract/runs.ts";
import { manifestRowKey } from "../../shared/keys.ts";
import { picture } from "../intake/support.ts";
import { BACKENDS, openTestApi, problemIn, type TestApi } from "../support/api.ts";
import { conforming } from "../support/conforming.ts";
import { finishedRun, testConfig } from "../support/scored-run.ts";

const { data: _, ...CONFIG } = testConfig();

async function rowsOf(count: number): Promise<{ image: string; question: string }[]> {
  const image = `data:image/png;base64,${(await picture("png", 1, 8)).toString("base64")}`;
  return Array.from({ length: count }, (_, index) => ({ image, question: `What is there, ${index}?` }));
}

const ndjson = (lines: readonly unknown[]) => ({
  method: "POST",
  headers: { "content-type": "application/x-ndjson" },
  body: lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
});

for (const backend of BACKENDS) {
  test(`${backend}: a run starts from rows in the body, and the same rows are the same run`, async () => {
    await using api = await openTestApi(backend);
    const body = { config: CONFIG, manifest: await rowsOf(3) };
    const first = await api.post("/v1/runs", body);
    const run = await conforming(CreatedRun, first, 201);
    assert.deepEqual([run.created, run.state, run.samples.data, run.bad_rows.count], [true, "queued", 3, 0]);
    const again = await conforming(CreatedRun, await api.post("/v1/runs", body), 200);
    assert.deepEqual([again.created, again.id], [false, run.id]);
  });

  test(`${backend}: the same rows as NDJSON are the same run again`, async () => {
    await using api = await openTestApi(backend);
    const rows = await rowsOf(3);
    const json = await conforming(CreatedRun, await api.post("/v1/runs", { config: CONFIG, manifest: rows }), 201);
    const streamed = await api.request("/v1/runs", ndjson([{ config: CONFIG }, ...rows]));
    assert.equal((await conforming(CreatedRun, streamed, 200)).id, json.id);
  });

  test(`${backend}: pause, resume and cancel move a run, and say when they cannot`, async () => {
    await using api = await openTestApi(backend);
    const { runId } = await finishedRun(3, api.deps);
    const { id } = await conforming(CreatedRun, await api.post("/v1/runs", { demo: {} }), 201);
    const act = async (run: string, action: string) => api.request(`/v1/runs/${run}/${action}`, { method: "POST" });
    const states = [];
    for (const action of ["pause", "resume", "cancel", "retry-parked"]) {
      states.push((await conforming(RunDetail, await act(id, action), 200)).state);
    }
    assert.deepEqual(states, ["paused", "queued", "stopped", "stopped"]);
    assert.deepEqual(await codeAndStatus(act(runId, "pause")), ["run.state", 409]);
  });

  test(`${backend}: all pages of runs together are every run once, newest first`, async () => {
    await using api = await openTestApi(backend);
    for (let seed = 0; seed < 7; seed++) {
      await api.post("/v1/runs", { demo: { seed } });
      await api.clock.advance(1);
    }
    const all = (await conformingPage(await api.request("/v1/runs?limit=500"))).items.map(({ id }) => id);
    assert.equal(all.length, 7);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 9 }), async (limit) => {
        assert.deepEqual(await idsOfPages(api, limit), all);
      }),
      { numRuns: 9 },
    );
  });
}

async function codeAndStatus(response: Response | Promise<Response>) {
  const { code, status } = await problemIn(response);
  return [code, status];
}

async function conformingPage(response: Response) {
  const page = (await response.json()) as { items: unknown[]; next_cursor: string | null };
  return { items: page.items.map((item) => RunView.parse(item)), next_cursor: page.next_cursor };
}

async function idsOfPages(api: TestApi, limit: number): Promise<string[]> {
  const ids: string[] = [];
  let cursor = "";
  for (;;) {
    const page = await conformingPage(await api.request(`/v1/runs?limit=${limit}${cursor}`));
    ids.push(...page.items.map(({ id }) => id));
    if (page.next_cursor === null) return ids;
    cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
  }
}

test("a finished run is told with its stages, its passes and its parked samples by reason", async () => {
  await using api = await openTestApi();
  const { runId } = await finishedRun(10, api.deps);
  const run = await conforming(RunDetail, await api.request(`/v1/runs/${runId}`), 200);
  assert.deepEqual(
    run.stages.map(({ pass_id, stage, shards, shards_done, samples_done }) => [
      pass_id,
      stage,
      shards,
      shards_done,
      samples_done,
    ]),
    ["generate", "divide", "question", "score"].map((stage) => ["1.train", stage, 2, 2, 10]),
  );
  assert.deepEqual(run.passes[0]?.parked, { "the labeler gave no reply": 2 });
  assert.deepEqual([run.round, run.seconds, run.last_event], [1, 4, 0]);
});

test("an uploaded manifest serves many runs", async () => {
  await using api = await openTestApi();
  const client = api.client();
  const manifest = await client.uploadManifest(await rowsOf(4));
  const create = (seed: number) => api.post("/v1/runs", { config: { ...CONFIG, seed }, manifest_id: manifest.id });
  const named = await conforming(CreatedRun, await create(1), 201);
  const inConfig = await api.post("/v1/runs", { config: { ...CONFIG, seed: 2, data: { manifest: manifest.id } } });
  assert.deepEqual([named.samples.data, (await conforming(CreatedRun, inConfig, 201)).samples.data], [4, 4]);
});

test("bad rows are told and left out; with strict they refuse the run", async () => {
  await using api = await openTestApi();
  const rows = [...(await rowsOf(2)), { image: "file:///etc/passwd", question: "?" }, { question: "and the image?" }];
  const lenient = await conforming(
    CreatedRun,
    await api.post("/v1/runs", { config: CONFIG, manifest: rows.slice(0, 3) }),
    201,
  );
  assert.deepEqual([lenient.samples.data, lenient.bad_rows.first.map(({ line }) => line)], [2, [3]]);
  const strict = await api.request("/v1/runs", ndjson([{ config: CONFIG, strict: true }, ...rows]));
  const problem = await problemIn(strict);
  assert.deepEqual([problem.status, problem.code, problem.errors?.length], [400, "manifest.bad_rows", 2]);
});

test("lines that are no JSON are bad rows, and the rest of the body goes on", async () => {
  await using api = await openTestApi();
  const rows = await rowsOf(1);
  const body = `${JSON.stringify({ config: CONFIG })}\n{"image": \n\n${JSON.stringify(rows[0])}`;
  const run = await conforming(CreatedRun, await api.request("/v1/runs", { ...ndjson([]), body }), 201);
  assert.deepEqual([run.samples.data, run.bad_rows.count, run.bad_rows.first[0]?.code], [1, 1, "not_json"]);
});

test("an estimate takes the same bodies, and the demo has none", async () => {
  await using api = await openTestApi();
  const rows = await rowsOf(2);
  const json = await api.post("/v1/runs/estimate", { config: CONFIG, manifest: rows });
  assert.deepEqual((await conforming(PilotView, json, 200)).not_included, ["training"]);
  const streamed = await api.request("/v1/runs/estimate", ndjson([{ config: CONFIG }, ...rows]));
  assert.equal((await conforming(PilotView, streamed, 200)).pilot.samples, 20);
  assert.deepEqual(await codeAndStatus(api.post("/v1/runs/estimate", { demo: {} })), ["estimate.demo", 400]);
});

test("what run control refuses is a problem with the status of its code", async () => {
  await using api = await openTestApi();
  const body = { config: { ...CONFIG, budgetUsd: 5000 }, manifest: await rowsOf(1) };
  assert.deepEqual(await codeAndStatus(api.post("/v1/runs", body)), ["budget.over_day", 402]);
  assert.deepEqual(await codeAndStatus(api.post("/v1/runs/estimate", body)), ["budget.over_day", 402]);
  const { runId } = await finishedRun(1, api.deps);
  const patch = (budget_usd: number) => api.post(`/v1/runs/${runId}`, { budget_usd }, { method: "PATCH" });
  assert.deepEqual(await codeAndStatus(patch(5000)), ["budget.over_day", 402]);
  assert.deepEqual(await codeAndStatus(patch(-1)), ["body.invalid", 400]);
  assert.equal((await conforming(RunDetail, await patch(99), 200)).budget.usd, 99);
});

test("a run's webhook is made with the run, and its secret shown once", async () => {
  await using api = await openTestApi("memory", { checkWebhookUrl: async () => {} });
  const body = { config: CONFIG, manifest: await rowsOf(1), webhook: { url: "https://example.org/hook" } };
  const run = await conforming(CreatedRun, await api.post("/v1/runs", body), 201);
  const { items } = await api.deps.service.webhooks.list({ limit: 10 });
  assert.deepEqual(
    items.map(({ runId, secret }) => [runId, secret]),
    [[run.id, run.webhook_secret]],
  );
  assert.match(run.webhook_secret ?? "", /^whsec_[A-Za-z0-9+/]{32}$/);
});

test("a run that starts again with the same webhook does not get it twice", async () => {
  await using api = await openTestApi("memory", { checkWebhookUrl: async () => {} });
  const body = { config: CONFIG, manifest: await rowsOf(1), webhook: { url: "https://example.org/hook" } };
  await api.post("/v1/runs", body);
  const again = await conforming(CreatedRun, await api.post("/v1/runs", body), 200);
  assert.equal(again.webhook_secret, undefined);
  assert.equal((await api.deps.service.webhooks.list({ limit: 10 })).items.length, 1);
});

test("a running run tells its throughput from its newest events", async () => {
  await using api = await openTestApi();
  const run = await finishedRun(1, api.deps);
  const running = await api.deps.store.runs.update({ ...run, state: "running" });
  assert.equal(running.outcome, "written");
  const shard = (samples: number) => ({
    kind: "shard",
    passId: "1.train",
    stage: "score",
    shardId: "0",
    samples,
    parked: 0,
  });
  const start = api.clock.now();
  await api.deps.service.events.append(run.runId, [
    { at: start, event: shard(30) },
    { at: start + 5000, event: shard(30) },
  ]);
  await api.clock.advance(10_000);
  const view = await conforming(RunDetail, await api.request(`/v1/runs/${run.runId}`), 200);
  assert.deepEqual([view.samples_per_second, view.last_event], [6, 2]);
});

test("a manifest that was uploaded lies where runs look for it", async () => {
  await using api = await openTestApi();
  const { id } = await api.client().uploadManifest(await rowsOf(1));
  assert.notEqual(await api.deps.blobs.read(manifestRowKey(id)), undefined);
});
