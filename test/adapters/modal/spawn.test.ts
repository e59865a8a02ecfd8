import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { openModalClient } from "../../../functions/adapters/modal/client.ts";
import { modalGpuCalls } from "../../../functions/adapters/modal/gpu-calls.ts";
import { wireValue } from "../../../functions/adapters/modal/payload.ts";
import { type FakeContext, untilAborted } from "../../support/modal/apps.ts";
import { APP, batchJob, gpuApp, gpuOn, PLACE, rig, trainJob } from "./rig.ts";

test("a batch arrives at the class with its weights as parameters, its place as options and the job as it was", async () => {
  await using it = await rig();
  const spawned = await it.gpu.spawn(batchJob(), PLACE);
  const [call] = it.modal.calls;
  assert.deepEqual(spawned, { outcome: "spawned", providerId: call?.id });
  assert.deepEqual(
    { name: call?.name, parameters: call?.parameters, options: call?.options, args: call?.args, kwargs: call?.kwargs },
    {
      name: "Batch.run",
      parameters: { model: "openbmb/MiniCPM-V-2", revision: "1c3e0d0", checkpoint: "checkpoints/run-a-s28.json" },
      options: { gpu: "H100:2", maxContainers: 4, timeoutSeconds: 3_600, retries: 0 },
      args: [batchJob()],
      kwargs: {},
    },
  );
});

test("a training arrives at its function with options of its own", async () => {
  await using it = await rig();
  const place = { ...PLACE, gpu: "A100-80GB", gpus: 8, maxContainers: 1, timeoutSeconds: 86_400 } as const;
  await it.gpu.spawn(trainJob(), place);
  const [call] = it.modal.calls;
  assert.deepEqual(
    { name: call?.name, options: call?.options, args: call?.args },
    {
      name: "train_dpo",
      options: { gpu: "A100-80GB:8", maxContainers: 1, timeoutSeconds: 86_400, retries: 0 },
      args: [trainJob()],
    },
  );
});

test("a function is looked up and bound once; from then on a spawn is one request", async () => {
  await using it = await rig();
  const taken = () => it.modal.log.splice(0);
  await it.gpu.spawn(batchJob(), PLACE);
  assert.deepEqual(taken(), ["authTokenGet", "functionGet", "functionBindParams", "functionMap"]);
  await it.gpu.spawn(batchJob({ call: "another" }), PLACE);
  assert.deepEqual(taken(), ["functionMap"]);
  const fresh = { ...batchJob().weights, checkpoint: null };
  await it.gpu.spawn(batchJob({ weights: fresh }), PLACE);
  assert.deepEqual(taken(), ["functionGet", "functionBindParams", "functionMap"]);
  assert.equal(it.modal.calls.at(-1)?.parameters["checkpoint"], "");
});

test("whatever a job holds arrives as it was, nothing above 32 bits as a float, no key without a value", async () => {
  const seen: unknown[] = [];
  await using it = await rig({ run: ([job]) => void seen.push(job) });
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
  const jobs = fc.record({
    call: text,
    inputKey: text,
    outputKey: text,
    canary: fc.boolean(),
    lines: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    deadlineSeconds: fc.integer({ min: 1, max: 2 ** 33 }),
  });
  await fc.assert(
    fc.asyncProperty(jobs, async (change) => {
      const job = batchJob(change);
      await it.gpu.spawn(job, PLACE);
      assert.deepEqual(seen.at(-1), job);
    }),
    { numRuns: 50 },
  );
  assert.deepEqual(wireValue({ a: undefined, b: [undefined, null, 2 ** 32], c: -(2 ** 40), d: 0.5, e: 2 ** 32 - 1 }), {
    b: [null, null, 4_294_967_296n],
    c: -1_099_511_627_776n,
    d: 0.5,
    e: 4_294_967_295,
  });
});

test("a job that does not fit into a request is refused by the field that makes it large, and nothing is begun", async () => {
  await using it = await rig();
  const inputKey = "k".repeat(7_000);
  await assert.rejects(
    it.gpu.spawn(batchJob({ inputKey }), PLACE),
    /job of call run-a.* has 7\d{3} bytes, more than 6144; its largest field is inputKey with 7002/,
  );
  await assert.rejects(
    it.gpu.spawn(batchJob(), { ...PLACE, gpus: 9 }),
    /gpus 9: Modal takes a whole number from 1 to 8/,
  );
  await assert.rejects(it.gpu.spawn(batchJob(), { ...PLACE, timeoutSeconds: 90_000 }), /timeoutSeconds 90000/);
  assert.deepEqual(it.modal.log, []);
});

test("a reply that is lost does not begin the call twice", async () => {
  await using it = await rig();
  it.modal.inject("functionMap", { kind: "reply_lost" });
  const spawned = await it.gpu.spawn(batchJob(), PLACE);
  assert.equal(it.modal.log.filter((rpc) => rpc === "functionMap").length, 2);
  assert.deepEqual([spawned], [{ outcome: "spawned", providerId: it.modal.calls[0]?.id }]);
  assert.equal(it.modal.calls.length, 1);
});

test("a dispatcher that died before it stored the id begins another call: both are known and can be stopped", async () => {
  await using it = await rig({ run: (_args, _kwargs, { signal }) => untilAborted(signal) });
  const lost = await it.gpu.spawn(batchJob(), PLACE);
  const next = gpuOn(it.modal);
  const again = await next.spawn(batchJob(), PLACE);
  assert.ok(lost.outcome === "spawned" && again.outcome === "spawned" && lost.providerId !== again.providerId);
  assert.deepEqual(
    it.modal.running().map(({ args }) => args),
    [[batchJob()], [batchJob()]],
  );
  await next.cancel(lost.providerId);
  assert.deepEqual(await next.poll(again.providerId), { outcome: "running" });
});

test("Modal away for a moment is waited out, away for longer is an error that says so", async () => {
  await using it = await rig();
  it.modal.inject("functionMap", { kind: "unavailable" }, 2);
  assert.equal((await it.gpu.spawn(batchJob(), PLACE)).outcome, "spawned");
  it.modal.inject("functionMap", { kind: "unavailable" }, 4);
  await assert.rejects(it.gpu.spawn(batchJob(), PLACE), /UNAVAILABLE/);
  assert.equal((await it.gpu.spawn(batchJob(), PLACE)).outcome, "spawned");
});

test("asked to slow down it waits; where the wait is longer than ours, or the queue is full, the outcome is busy", async () => {
  await using it = await rig();
  it.modal.inject("functionMap", { kind: "throttled", retryAfterSeconds: 0.1 });
  assert.equal((await it.gpu.spawn(batchJob(), PLACE)).outcome, "spawned");
  it.modal.inject("functionMap", { kind: "throttled", retryAfterSeconds: 30 });
  const waited = await it.gpu.spawn(batchJob(), PLACE);
  it.modal.inject("functionBindParams", { kind: "exhausted" });
  const full = await it.gpu.spawn(trainJob(), PLACE);
  assert.deepEqual([waited.outcome, full.outcome], ["busy", "busy"]);
  assert.match(full.outcome === "busy" ? full.message : "", /RESOURCE_EXHAUSTED: injected: exhausted/);
  assert.equal(it.modal.calls.length, 1);
  assert.equal((await it.gpu.spawn(trainJob(), PLACE)).outcome, "spawned");
});

test("calls pinned to a version keep it when another one is deployed in the middle of the run", async () => {
  const says = (word: string) => gpuApp({ run: (_args, _kwargs, { version }: FakeContext) => `${word} ${version}` });
  await using it = await rig({}, { apps: { [APP]: says("old") } });
  await it.gpu.spawn(batchJob(), PLACE);
  it.modal.deploy(APP, says("new"));
  await it.gpu.spawn(batchJob(), PLACE);
  await gpuOn(it.modal).spawn(batchJob(), PLACE);
  await it.gpu.spawn(batchJob(), { ...PLACE, version: 2 });
  await it.gpu.spawn(batchJob(), { ...PLACE, version: undefined });
  await Promise.all(it.modal.calls.map(({ id }) => it.modal.ended(id)));
  assert.deepEqual(
    it.modal.calls.map(({ value }) => value),
    ["old 1", "old 1", "old 1", "new 2", "new 2"],
  );
  await assert.rejects(
    it.gpu.spawn(batchJob(), { ...PLACE, version: 3 }),
    /Modal has no Batch in version 3 in app "rlaifv": deploy it with "modal deploy/,
  );
});

test("what is deployed is told with the contract it speaks, and what is missing with the way to have it", async () => {
  await using it = await rig();
  assert.deepEqual(await it.gpu.deployed(), { version: 1, contract: 1 });
  it.modal.deploy(APP, { ...gpuApp(), contract: () => ({ contract: 2, versions: {} }) });
  assert.deepEqual(await it.gpu.deployed(), { version: 2, contract: 2 });
  const open = (tokenSecret: string, app: string, environment?: string) =>
    modalGpuCalls({
      client: openModalClient({ ...it.modal.credentials, tokenSecret, serverUrl: it.modal.url }),
      ...{ app, environment },
    }).deployed();
  const { tokenSecret } = it.modal.credentials;
  await assert.rejects(open(tokenSecret, "nobody"), /Modal has no function contract in app "nobody": deploy it/);
  await assert.rejects(open(tokenSecret, APP, "prod"), /in app "rlaifv" of environment prod: deploy it/);
  await assert.rejects(open("as-wrong", APP), (error: Error) => {
    assert.match(error.message, /refuses the token for app "rlaifv": set the secrets ModalTokenId/);
    return !error.message.includes("as-wrong");
  });
  assert.throws(() => openModalClient({ tokenId: "ak-1", tokenSecret: "" }), /ModalTokenSecret is empty/);
});
