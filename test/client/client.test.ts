import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "esbuild";
import { connect, jsonOf, ServiceError } from "../../functions/client/client.ts";
import { picture } from "../intake/support.ts";
import { openTestApi } from "../support/api.ts";
import { finishedRun, testConfig } from "../support/scored-run.ts";

const { data: _, ...CONFIG } = testConfig();

test("routes are typed: a run that is created can be listed, read and paused", async () => {
  await using api = await openTestApi();
  const { api: routes } = api.client();
  const created = await jsonOf(routes.v1.runs.$post({ json: { demo: { seed: 5 } }, header: {} }));
  const { items } = await jsonOf(routes.v1.runs.$get({ query: { limit: 10 } }));
  assert.deepEqual(
    items.map(({ id, state }) => [id, state]),
    [[created.id, "queued"]],
  );
  const paused = await jsonOf(routes.v1.runs[":id"].pause.$post({ param: { id: created.id }, header: {} }));
  assert.equal(paused.state, "paused");
});

test("a refusal is a ServiceError with code, field, fix and the request's id", async () => {
  await using api = await openTestApi();
  const asked = jsonOf(api.client().api.v1.runs[":id"].$get({ param: { id: "none" } }));
  await assert.rejects(asked, (error) => {
    assert.ok(error instanceof ServiceError);
    assert.deepEqual([error.code, error.problem.status, error.problem.field], ["run.not_found", 404, "path.id"]);
    assert.match(error.requestId ?? "", /^req_/);
    return error.fix === "GET /v1/runs lists the runs.";
  });
});

test("rows are streamed as they are made, from any iterable", async () => {
  await using api = await openTestApi();
  const client = api.client();
  const { id } = await client.uploadImage(new Uint8Array(await picture("png", 1, 8)));
  async function* rows() {
    for (let at = 0; at < 5000; at++) yield { image: id, question: `What is there, ${at}?` };
  }
  const run = await client.createRun({ config: CONFIG }, rows(), { idempotencyKey: "once" });
  assert.deepEqual([run.samples.data, run.created], [5000, true]);
  const again = await client.createRun({ config: CONFIG }, rows(), { idempotencyKey: "once" });
  assert.deepEqual([again.id, again.created], [run.id, true]);
  const estimate = await client.estimateRun({ config: CONFIG }, [{ image: id, question: "?" }]);
  assert.equal(estimate.pilot.samples, 20);
});

test("a dataset comes with its name, as it is read", async () => {
  await using api = await openTestApi();
  const { runId } = await finishedRun(3, api.deps);
  const { name, body } = await api.client().dataset(runId, { round: 1, format: "jsonl", as: "records" });
  assert.equal(name, `${runId}-round1-jsonl.jsonl`);
  assert.match(await new Response(body).text(), /^\{"/);
  await assert.rejects(api.client().dataset(runId, { round: 9 }), /There is no round 9/);
});

test("an answer that is none of the service's is told as such", async () => {
  const proxy = (async () => new Response("<html>Bad gateway</html>", { status: 502 })) as typeof fetch;
  const { api } = connect("http://proxy", { fetch: proxy });
  await assert.rejects(
    jsonOf(api.healthz.$get()),
    (error) => error instanceof ServiceError && error.code === "answer.unknown",
  );
});

test("the client is bundled for browsers without anything of Node or of the server", async () => {
  const entry = new URL("../../functions/client/client.ts", import.meta.url).pathname;
  const { metafile, outputFiles } = await build({
    ...{ entryPoints: [entry], bundle: true, format: "esm", platform: "browser" },
    ...{ write: false, metafile: true, minify: true, logLevel: "silent" },
  });
  const inputs = Object.keys(metafile.inputs);
  assert.deepEqual(
    inputs.filter((path) => path.includes("functions/api") || path.startsWith("node:")),
    [],
  );
  assert.ok(outputFiles[0]!.contents.length < 30_000, `${outputFiles[0]!.contents.length} bytes`);
});
