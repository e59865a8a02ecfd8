import assert from "node:assert/strict";
import { test } from "node:test";
import { openAdmission } from "../../../functions/api/admission/admission.ts";
import { readAwsConfig } from "../../../functions/runtime/aws-config.ts";
import { executionEnded } from "../../../functions/runtime/cloud/ended.ts";
import { newestExecution, startExecution } from "../../../functions/runtime/cloud/executions.ts";
import { cloudRunControl } from "../../../functions/runtime/cloud/run-control.ts";
import { cloudWork } from "../../../functions/runtime/cloud/run-work.ts";
import { runWorker } from "../../../functions/runtime/cloud/run-worker.ts";
import { sweep } from "../../../functions/runtime/cloud/sweep.ts";
import { dispatchTask } from "../../../functions/runtime/cloud/tasks.ts";
import { measuresOf } from "../../../functions/runtime/cloud/telemetry.ts";
import { pausedByHand } from "../../../functions/runtime/endings.ts";
import { isFinishedWhole } from "../../../functions/runtime/finish.ts";
import { RunConfig } from "../../../shared/schemas/config.ts";
import { WORKER_RETRYABLE } from "../../../shared/schemas/loop.ts";
import { memoryCloud } from "../../support/cloud/memory-cloud.ts";
import { RUN } from "../../support/scripted-gpu.ts";

const MINUTE = 60_000;

test("a function's environment is checked at once, every problem by its name", () => {
  const right = { RLAIFV_TABLE: "t", RLAIFV_BUCKET: "b", RLAIFV_SERVE_URL: "" };
  assert.deepEqual(readAwsConfig(right), { AWS_REGION: "us-east-1", RLAIFV_TABLE: "t", RLAIFV_BUCKET: "b" });
  assert.throws(
    () => readAwsConfig({ RLAIFV_BUCKET: "b", RLAIFV_CALLBACK_URL: "nowhere" }),
    (error: Error) => /RLAIFV_TABLE/.test(error.message) && /RLAIFV_CALLBACK_URL/.test(error.message),
  );
});

test("a worker tells what it did in lines and figures, and its events reach the run's log", async () => {
  const { cloud, task, telemetry, spawned, compute, succeed, toCollect } = await memoryCloud();
  const run = (event: unknown) =>
    runWorker({ name: "dispatch", work: dispatchTask }, event, { cloud, remainingMs: 10 * MINUTE });
  assert.deepEqual(await run(task()), { outcome: "waiting" });
  await compute(spawned[0]!);
  await succeed(spawned[0]!, 5);
  assert.equal(toCollect.length, 1);
  assert.deepEqual(await run(task(1, "token-1")), { outcome: "done" });
  const { message, facts } = telemetry.lines.at(-1)!;
  assert.equal(message, "ended");
  assert.deepEqual([facts["runId"], facts["shardId"], facts["attempt"]], [RUN, task().shardId, 1]);
  const done = telemetry.measures.find(({ name }) => name === "SamplesDone");
  assert.deepEqual(done, { name: "SamplesDone", unit: "Count", value: 3, dimensions: { stage: "generate" } });
  const events = await cloud.store.service.events.read(RUN, { after: 0, limit: 100 });
  assert.ok(events.some(({ event }) => event["kind"] === "shard"));
});

test("a worker that runs out of time says so in a way that the loop tries again", async () => {
  const { cloud } = await memoryCloud();
  const slow = { name: "slow", work: (_event: unknown, { signal }: { signal: AbortSignal }) => untilAborted(signal) };
  await assert.rejects(runWorker(slow, { runId: RUN }, { cloud, remainingMs: 50_100 }), {
    name: WORKER_RETRYABLE,
    message: /not done within 50 s/,
  });
});

const untilAborted = (signal: AbortSignal) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("a run's executions count on from 1, and a start that was cut off is found by its name", async () => {
  const { cloud, end } = await memoryCloud();
  assert.equal(await newestExecution(RUN, cloud), undefined);
  assert.equal(await startExecution(RUN, cloud), `${RUN}.1`);
  assert.equal(await startExecution(RUN, cloud), `${RUN}.1`, "it runs");
  end(`${RUN}.1`, { status: "FAILED" });
  assert.equal(await startExecution(RUN, cloud), `${RUN}.2`);
  assert.equal((await newestExecution(RUN, cloud))?.id, `${RUN}.2`);
});

test("the end of an execution ends the run once: row, open calls, report, who is told", async () => {
  const { cloud, telling, end, deps, task, spawned, store, blobs, money } = await memoryCloud();
  await startExecution(RUN, cloud);
  await dispatchTask(task(), deps);
  assert.deepEqual(await executionEnded(`${RUN}.1`, cloud, telling), { outcome: "nothing_to_do" }, "it runs");
  end(`${RUN}.1`, { status: "FAILED", error: { error: "Run.TooManyShardsFailed", cause: "pass 1.train" } });
  assert.deepEqual(await executionEnded(`${RUN}.1`, cloud, telling), { outcome: "ended" });
  const run = await store.runs.get(RUN);
  assert.deepEqual([run?.state, run?.reason], ["failed", "Run.TooManyShardsFailed: pass 1.train"]);
  assert.equal(spawned[0]!.cancelled, true);
  assert.equal((await money()).reserved, 0);
  assert.ok((await blobs.read(`runs/${RUN}/report.html`)) !== undefined);
  assert.deepEqual(await executionEnded(`${RUN}.1`, cloud, telling), { outcome: "nothing_to_do" });
});

test("an execution that ended for want of money pauses the run; an older one's end changes nothing", async () => {
  const { cloud, telling, end, store } = await memoryCloud();
  await startExecution(RUN, cloud);
  end(`${RUN}.1`, { status: "SUCCEEDED", output: { runId: RUN, status: "paused", round: 1 } });
  await startExecution(RUN, cloud);
  assert.deepEqual(await executionEnded(`${RUN}.1`, cloud, telling), { outcome: "nothing_to_do" });
  end(`${RUN}.2`, { status: "SUCCEEDED", output: { runId: RUN, status: "paused", round: 1 } });
  await executionEnded(`${RUN}.2`, cloud, telling);
  assert.equal((await store.runs.get(RUN))?.state, "paused");
});

test("a run that paused, finished and was cut off before its report was written gets it by the next one who looks", async () => {
  const { cloud, telling, end, store, blobs } = await memoryCloud();
  await startExecution(RUN, cloud);
  end(`${RUN}.1`, { status: "SUCCEEDED", output: { runId: RUN, status: "paused", round: 1 } });
  await executionEnded(`${RUN}.1`, cloud, telling);
  assert.equal(await isFinishedWhole(RUN, blobs), false, "its report is of the pause");
  await startExecution(RUN, cloud);
  end(`${RUN}.2`, { status: "SUCCEEDED", output: { runId: RUN, status: "finished", round: 1 } });
  await store.runs.update({ ...(await store.runs.get(RUN))!, state: "finished" }); // and then the process died
  assert.deepEqual(await executionEnded(`${RUN}.2`, cloud, telling), { outcome: "ended" });
  assert.equal(await isFinishedWhole(RUN, blobs), true);
});

test("a person's pause stops the loop and the GPUs, and the end that follows changes nothing", async () => {
  const { cloud, telling, deps, task, spawned, store, executions } = await memoryCloud();
  const work = cloudWork(cloud, telling);
  await work.add(RUN);
  await dispatchTask(task(), deps);
  assert.equal(await work.stop(RUN, pausedByHand(RUN)), true);
  assert.equal(executions.get(`${RUN}.1`)?.status, "ABORTED");
  assert.equal(spawned[0]!.cancelled, true);
  assert.equal((await store.runs.get(RUN))?.state, "paused");
  assert.deepEqual(await executionEnded(`${RUN}.1`, cloud, telling), { outcome: "nothing_to_do" });
  assert.equal(await work.stop(RUN, pausedByHand(RUN)), false);
});

test("the sweeper finds a start that was cut off, and an end that nobody heard of", async () => {
  const { cloud, telling, clock, store, end } = await memoryCloud();
  const row = (await store.runs.get(RUN))!;
  await store.runs.update({ ...row, state: "queued", createdAt: clock.now(), updatedAt: clock.now() });
  assert.equal((await sweep(cloud, telling)).runs, 0, "it may be starting");
  await clock.advance(MINUTE + 1);
  assert.equal((await sweep(cloud, telling)).runs, 1);
  assert.equal((await store.runs.get(RUN))?.state, "running");
  end(`${RUN}.1`, { status: "SUCCEEDED", output: { runId: RUN, status: "finished", round: 1 } });
  const swept = await Promise.all([sweep(cloud, telling), sweep(cloud, telling)]).catch((error) => error);
  assert.ok(Array.isArray(swept), String(swept));
  assert.equal((await store.runs.get(RUN))?.state, "finished");
});

test("a config whose trainer this service lacks is refused before anything is paid", async () => {
  const { cloud, clock } = await memoryCloud();
  const control = cloudRunControl(cloud, openAdmission({ ledger: cloud.store.ledger, clock }));
  const model = { engine: "modal", model: "org/vlm" };
  const roles = { policy: model, divider: model, questioner: model, labelers: [model] };
  const config = RunConfig.parse({ data: { path: "x" }, ...roles, train: { trainer: "embedded" } });
  const owner = { id: "owner", kind: "owner" as const, scopes: ["admin" as const], limits: undefined };
  const refused = await control.create(config, owner);
  assert.deepEqual([refused.outcome, "code" in refused && refused.code], ["refused", "train.not_here"]);
  const other = { ...roles, policy: { engine: "embedded", model: "embedded/policy" }, data: { path: "x" } };
  assert.throws(() => RunConfig.parse({ ...other, train: { trainer: "modal" } }), /trains a policy with engine/);
});

test("figures say what share of the budget is used and what share of tokens was cached", () => {
  const money = measuresOf({ kind: "money", settledMicros: 500_000, reservedMicros: 300_000, budgetMicros: 1_000_000 });
  assert.deepEqual(
    money.map(({ name, value }) => [name, value]),
    [
      ["BudgetUsedShare", 80],
      ["SpentUsd", 0.5],
    ],
  );
  const usage = {
    prompt_tokens: 200,
    completion_tokens: 1,
    total_tokens: 201,
    prompt_tokens_details: { cached_tokens: 150 },
  };
  const where = { kind: "shard", passId: "1.train", stage: "score", shardId: "s" } as const;
  const shard = measuresOf({ ...where, samples: 9, parked: 1, usage, gpuSeconds: 3, losses: { tie: 2 } });
  assert.deepEqual(
    shard.map(({ name, value }) => [name, value]),
    [
      ["SamplesDone", 9],
      ["SamplesParked", 1],
      ["Losses", 2],
      ["GpuSeconds", 3],
      ["CachedTokenShare", 75],
    ],
  );
});
