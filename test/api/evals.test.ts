import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { EMBEDDED } from "../../functions/runtime/embedded-models.ts";
import { evaluationAccount } from "../../functions/runtime/evaluation-rows.ts";
import { mmhalType } from "../../shared/evaluation/mmhal/mmhal.ts";
import { manifestKey } from "../../shared/keys.ts";
import { ModelRef } from "../../shared/schemas/config.ts";
import { EvaluationResult } from "../../shared/schemas/evaluation.ts";
import { openTestApi, problemIn } from "../support/api.ts";
import { type EvaluationService, openEvaluations, type ServiceModels } from "../support/evaluation-service.ts";
import { paidServer } from "../support/paid-server.ts";
import { scriptedJudge } from "../support/scripted-judge.ts";
import { tempFolder } from "../support/temp-folder.ts";

const DRIVER = new URL("../support/evaluation-driver.ts", import.meta.url).pathname;
const EMBEDDED_MODELS: ServiceModels = { served: { "embedded/policy": EMBEDDED.policy } };

async function world(models: ServiceModels = EMBEDDED_MODELS) {
  const folder = await tempFolder("evals");
  const service = await openEvaluations(folder.path, models);
  return {
    ...service,
    folder: folder.path,
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function begun({ api }: Pick<EvaluationService, "api">, body: object, status = 201): Promise<string> {
  const response = await api.post("/v1/evals", body);
  assert.equal(response.status, status, await response.clone().text());
  return ((await response.json()) as { id: string }).id;
}

const jsonl = (records: readonly unknown[]) => records.map((record) => `${JSON.stringify(record)}\n`).join("");
/** A manifest as POST /v1/manifests keeps it: two pictures, of a dog and of nothing that COCO knows. */
async function sentManifest({ local }: Pick<EvaluationService, "local">, objects: unknown): Promise<string> {
  const sample = (at: number, metadata: object) => ({
    sampleId: `smp_${at}`,
    image: { sha256: String(at).repeat(64), path: `${at}.png`, width: 8, height: 8 },
    ...{ question: "What is there?", metadata },
  });
  const id = `man_${"0".repeat(15)}${JSON.stringify(objects).length % 10}`;
  await local.blobs.write(manifestKey(id), jsonl([sample(1, { objects }), sample(2, { objects: [] })]));
  return id;
}

test("stored answers are measured, gated, listed and reported; the same request again is the same evaluation", async () => {
  await using service = await world();
  const { api, reaches } = service;
  const manifest_id = await sentManifest(service, ["puppy"]);
  const answers = [
    { itemId: "smp_1", text: "A dog sits next to a cat." },
    { itemId: "smp_2", text: "There is a cup." },
  ];
  const body = {
    bench: "object-halbench",
    items: { manifest_id },
    gate: "recall >= 0.9 and response_hallucination < 50%",
  };
  const id = await begun(service, { ...body, answers });
  const done = await reaches(id, "finished");
  const { response_hallucination, mention_hallucination, recall } = done.result!.figures;
  assert.deepEqual([response_hallucination!.value, mention_hallucination!.value, recall!.value], [1, 2 / 3, 1]);
  assert.deepEqual([done.items, done.budget.settled_usd, done.gate!.outcome], [2, 0, "failed"]);
  assert.deepEqual(
    done.gate!.checks.map(({ holds }) => holds),
    [true, false],
  );
  const report = EvaluationResult.parse(await (await api.request(`/v1/evals/${id}/report`)).json());
  assert.deepEqual(report.figures, done.result!.figures);
  const page = await api.request(`/v1/evals/${id}/report?format=html`);
  assert.match(page.headers.get("content-type")!, /^text\/html/);
  assert.match(await page.text(), /response hallucination/);
  const lines = [body, ...answers];
  const ndjson = { headers: { "content-type": "application/x-ndjson" }, body: jsonl(lines) };
  const again = await api.request("/v1/evals", { method: "POST", ...ndjson });
  assert.deepEqual([again.status, ((await again.json()) as { id: string }).id], [200, id]);
  const other = await begun(service, { ...body, answers: answers.slice(0, 1) });
  await reaches(other, "finished");
  const list = api.client().api.v1.evals.$get({ query: { limit: "1" } });
  const { items, next_cursor } = (await (await list).json()) as { items: { id: string }[]; next_cursor: string };
  assert.deepEqual([items.map((item) => item.id), next_cursor], [[other], other]);
  const rest = await api.request(`/v1/evals?cursor=${next_cursor}`);
  assert.deepEqual(
    ((await rest.json()) as { items: { id: string }[] }).items.map((item) => item.id),
    [id],
  );
  assert.deepEqual(service.faults, []);
});

test("a served model is asked, and an Idempotency-Key gives the first answer again", async () => {
  await using service = await world();
  const body = { bench: "scenes", model: "embedded/policy", count: 4, budget_usd: 0.5 };
  const headers = { "idempotency-key": "once" };
  const first = (await (await service.api.post("/v1/evals", body, { headers })).json()) as { id: string };
  const done = await service.reaches(first.id, "finished");
  assert.ok(done.result!.figures["recall"]!.value! > 0.5);
  assert.ok(done.budget.settled_usd > 0 && done.budget.reserved_usd === 0);
  const replay = await service.api.post("/v1/evals", body, { headers });
  assert.deepEqual([replay.status, await replay.json()], [201, { ...first }]);
});

test("a judge that the operator named is asked as often as told, and every rating counts", async () => {
  const judge = ModelRef.parse({
    engine: "openai",
    model: "judge",
    baseUrl: "http://127.0.0.1:9/v1",
    price: { input: 1, output: 1 },
  });
  const engine = scriptedJudge(() => "It fits.\nRating: 5");
  await using folder = await tempFolder("judged");
  const data = join(folder.path, "template.json");
  const template = Array.from({ length: 96 }, (_, index) => ({
    ...{ question_type: mmhalType(index), question_topic: "animal", image_id: `p${index}` },
    ...{ image_src: `https://pictures.example/${index}.jpg`, image_content: ["Swan"] },
    ...{ question: "What swims?", gt_answer: "A swan.", model_answer: "" },
  }));
  await writeFile(data, JSON.stringify(template));
  await using service = await openEvaluations(
    folder.path,
    { served: {}, judges: [judge], engine },
    { files: async () => ({ data }) },
  );
  const answers = [0, 1, 2].map((at) => ({ itemId: `mmhal-0${at}`, text: "A swan swims." }));
  const body = { bench: "mmhal", answers, judge: { model: "judge", repetitions: 2 } };
  const done = await service.reaches(await begun(service, body), "finished");
  assert.deepEqual([engine.asked.length, done.result!.judge!.calls, done.result!.missing], [6, 6, 93]);
  assert.equal(done.result!.figures["score"]?.value, 5);
  assert.ok(done.budget.settled_usd > 0);
});

test("what does not fit is refused with its field, before anything is paid", async () => {
  await using service = await world();
  const { api } = service;
  const manifest_id = await sentManifest(service, ["dog"]);
  const wrong = await sentManifest(service, ["unicorns"]);
  const answers = [{ itemId: "smp_1", text: "A dog." }];
  const own = { bench: "object-halbench", items: { manifest_id }, answers };
  const cases: [object, number, string, string][] = [
    [{ bench: "scenes" }, 400, "body.invalid", "answers"],
    [{ ...own, model: "embedded/policy" }, 400, "body.invalid", "answers"],
    [{ ...own, gate: "recal > 1" }, 400, "eval.invalid", "gate"],
    [{ ...own, answers: [{ itemId: "x", text: "" }] }, 400, "eval.invalid", "answers.0.itemId"],
    [{ ...own, answers: [...answers, ...answers] }, 400, "eval.invalid", "answers.1.itemId"],
    [{ ...own, items: { manifest_id: "man_ffffffffffffffff" } }, 400, "eval.invalid", "items.manifest"],
    [{ ...own, items: { manifest_id: wrong } }, 400, "eval.invalid", "items.manifest"],
    [{ ...own, judge: { model: "nobody" } }, 400, "eval.invalid", "judge.model"],
    [{ bench: "scenes", model: "nobody" }, 400, "eval.invalid", "model"],
    [{ bench: "scenes", run: { id: "nobody", round: 1 } }, 400, "eval.invalid", "run.id"],
    [{ bench: "amber", answers }, 422, "eval.bench", "bench"],
    [{ ...own, unknown: 1 }, 400, "body.unknown_field", "unknown"],
  ];
  for (const [body, status, code, field] of cases) {
    const told = await problemIn(api.post("/v1/evals", body));
    assert.deepEqual([told.status, told.code, told.field], [status, code, field], JSON.stringify(told));
  }
  const headers = { "content-type": "application/x-ndjson" };
  const line = await problemIn(
    api.request("/v1/evals", { method: "POST", headers, body: jsonl([{ bench: "scenes" }, { text: 1 }]) }),
  );
  assert.deepEqual([line.code, line.field], ["eval.answer", "line 2"]);
  const reader = await api.keyOf(["runs:read"]);
  assert.equal((await problemIn(api.post("/v1/evals", own, { key: reader }))).code, "key.scope");
  assert.equal((await problemIn(api.request("/v1/evals", { key: null }))).code, "key.missing");
  assert.equal((await problemIn(api.request("/v1/evals/evl_0000000000000000"))).code, "eval.not_found");
  assert.equal((await problemIn(api.request("/v1/evals?cursor=x"))).code, "page.cursor");
  assert.deepEqual(((await (await api.request("/v1/evals")).json()) as { items: [] }).items, []);
  await using without = await openTestApi();
  assert.deepEqual((await problemIn(without.request("/v1/evals"))).code, "eval.not_here");
});

const COUNT = 40;
const ON_SERVER = { bench: "scenes", model: "vlm", count: COUNT };

test("a spent budget pauses it; the same request with more goes on, and the server's bill is settled to the micro", async () => {
  await using server = await paidServer();
  await using service = await world({ served: { vlm: server.model } });
  const { api, reaches, local } = service;
  const id = await begun(service, { ...ON_SERVER, budget_usd: 0.001 });
  const paused = await reaches(id, "paused");
  assert.match(paused.reason!, /the budget has no room.*the same request with a higher budget_usd goes on/);
  assert.equal((await problemIn(api.request(`/v1/evals/${id}/report`))).code, "eval.state");
  assert.equal(await begun(service, { ...ON_SERVER, budget_usd: 0.001 }, 200), id);
  assert.equal((await service.told(id)).state, "paused", "without more money it stays");
  const poor = await api.keyOf(["runs:write"], {
    requestsPerMinute: 60,
    concurrentRequests: 4,
    tokensPerDay: 1e6,
    usdPerDay: 0.5,
  });
  const over = await problemIn(api.post("/v1/evals", { ...ON_SERVER, seed: 2, budget_usd: 5 }, { key: poor }));
  assert.deepEqual([over.status, over.code, over.field], [402, "budget.over_day", "budget_usd"]);
  await begun(service, { ...ON_SERVER, budget_usd: 5 }, 200);
  const done = await reaches(id, "finished");
  const { settled, reserved } = (await local.store.ledger.read(evaluationAccount(id)))!;
  assert.deepEqual([settled, reserved, server.bill.replies], [server.bill.micros, 0, COUNT]);
  assert.equal(done.budget.settled_usd, settled / 1e6);
});

test("a cancelled one stops asking and gives its money back; the same request goes on with what was answered", async () => {
  await using server = await paidServer();
  await using service = await world({ served: { vlm: server.model } });
  const { api, local } = service;
  const id = await begun(service, { ...ON_SERVER, budget_usd: 5 });
  await server.reached(6);
  const cancelled = await api.request(`/v1/evals/${id}/cancel`, { method: "POST" });
  assert.deepEqual([cancelled.status, ((await cancelled.json()) as { state: string }).state], [200, "stopped"]);
  await server.quiet();
  const stopped = server.bill.replies;
  assert.ok(stopped < COUNT, `${stopped} replies before it stopped`);
  const { settled, reserved } = (await local.store.ledger.read(evaluationAccount(id)))!;
  assert.deepEqual([settled, reserved], [server.bill.micros, 0]);
  await begun(service, { ...ON_SERVER, budget_usd: 5 }, 200);
  await service.reaches(id, "finished");
  assert.equal(server.bill.replies, COUNT, "nothing was asked twice");
  assert.equal((await problemIn(api.request(`/v1/evals/${id}/cancel`, { method: "POST" }))).code, "eval.state");
});

test("a killed service takes it up again and ends with the bytes of an undisturbed one", async () => {
  await using server = await paidServer();
  const models = { served: { vlm: server.model } };
  await using calm = await world(models);
  const whole = await begun(calm, { ...ON_SERVER, budget_usd: 5 });
  await calm.reaches(whole, "finished");
  await using folder = await tempFolder("killed");
  const first = await openEvaluations(folder.path, models);
  const id = await begun(first, { ...ON_SERVER, budget_usd: 5 });
  await first[Symbol.asyncDispose]();
  assert.equal(id, whole);
  const before = server.bill.replies;
  const child = spawn(process.execPath, [DRIVER, folder.path, JSON.stringify(server.model)], { stdio: "ignore" });
  await server.reached(before + 6);
  child.kill("SIGKILL");
  await once(child, "exit");
  await server.quiet();
  await using second = await openEvaluations(folder.path, models);
  await second.control.start();
  await second.reaches(id, "finished");
  for (const file of ["result", "page"] as const) {
    assert.equal(await second.control[file](id), await calm.control[file](whole));
  }
  const { reserved } = (await second.local.store.ledger.read(evaluationAccount(id)))!;
  assert.equal(reserved, 0);
});
