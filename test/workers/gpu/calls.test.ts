import assert from "node:assert/strict";
import { test } from "node:test";
import { dispatch, workShard } from "../../../functions/workers/dispatch.ts";
import { cancelCalls } from "../../../functions/workers/gpu/cancel.ts";
import { collect } from "../../../functions/workers/gpu/collect.ts";
import { microsPerSecond } from "../../../functions/workers/gpu/deps.ts";
import { sweepCalls } from "../../../functions/workers/gpu/sweep.ts";
import { runAccount } from "../../../shared/budget/accounts.ts";
import { RUN_PAUSED, WORKER_RETRYABLE } from "../../../shared/schemas/loop.ts";
import { RUN, scriptedGpu } from "../../support/scripted-gpu.ts";

const PRICE = microsPerSecond({ kind: "L4", count: 1 });
const BOUND = Math.ceil(600 * PRICE);
const cost = (seconds: number) => Math.ceil(seconds * PRICE);
const rethrow = (error: unknown) => {
  throw error;
};

test("a shard goes out as one batch, and its answer moves the samples and ends the task", async () => {
  const world = await scriptedGpu();
  await dispatch(world.task(), world.deps);
  await new Promise(setImmediate);
  const [batch] = world.spawned;
  assert.equal(world.spawned.length, 1);
  assert.ok(batch?.job.kind === "batch");
  assert.deepEqual(batch.place, { gpu: "L4", gpus: 1, maxContainers: 4, timeoutSeconds: 600, version: 7 });
  assert.deepEqual([batch.job.lines, batch.job.canary, batch.job.weights.revision], [3, false, "abc"]);
  assert.deepEqual(await world.money(), { reserved: BOUND, settled: 0 });
  assert.deepEqual(await world.begin(batch), { goOn: true });
  assert.deepEqual(await world.beat(batch, 20), { goOn: true });
  assert.deepEqual(await world.money(), { reserved: BOUND - cost(20), settled: cost(20) });
  await world.compute(batch);
  assert.deepEqual(await world.succeed(batch, 50), { goOn: false, reason: "the call has ended" });
  await world.collectAll();
  assert.deepEqual(await world.money(), { reserved: 0, settled: cost(50) });
  const { state, samples, usdMicros } = await world.shard();
  assert.deepEqual({ state, samples, usdMicros }, { state: "done", samples: 3, usdMicros: cost(50) });
  assert.equal((await world.store.samples.count(RUN, "1.train")).generated, 3);
  const kinds = world.told.map(({ token, report }) => [token, report.kind]);
  assert.deepEqual(kinds, [["token-0", "success"]], "the public door uses no token");
  assert.equal((await world.calls.get(batch.job.call))?.state, "done");
});

test("the same batch is not computed again: another try of the shard finds its answer", async () => {
  const world = await scriptedGpu();
  await workShard(world.task(), world.deps);
  const [batch] = world.spawned;
  await world.compute(batch!);
  assert.equal((await workShard(world.task(1, "token-1"), world.deps)).outcome, "done");
  assert.equal(world.spawned.length, 1);
});

test("reports twice, late or by another function change nothing, and say stop", async () => {
  const world = await scriptedGpu();
  await workShard(world.task(), world.deps);
  const [batch] = world.spawned;
  await world.begin(batch!);
  await world.beat(batch!, 30);
  assert.deepEqual(await world.beat(batch!, 10), { goOn: true }, "an older heartbeat is harmless");
  assert.deepEqual(await world.money(), { reserved: BOUND - cost(30), settled: cost(30) });
  const twin = { ...batch!, providerId: "fc-twin" };
  assert.deepEqual(await world.begin(twin), { goOn: false, reason: "another function does this work" });
  await world.compute(batch!);
  await world.succeed(batch!, 40);
  assert.deepEqual(await world.succeed(batch!, 90), { goOn: false, reason: "the call is ended" });
  const unknown = { ...batch!, job: { ...batch!.job, call: "run-a/nothing#0" } };
  assert.deepEqual(await world.begin(unknown), { goOn: false, reason: "nobody knows this call" });
  await world.collectAll();
  assert.deepEqual(await collect({ call: batch!.job.call }, world.deps), { outcome: "done" });
  assert.deepEqual(await world.money(), { reserved: 0, settled: cost(40) });
  assert.deepEqual(await world.beat(batch!, 50), { goOn: false, reason: "the call is done" });
  assert.equal(world.told.filter(({ report }) => report.kind === "success").length, 1);
});

test("a failure that may pass ends the task's try, and the next try is a new call", async () => {
  const world = await scriptedGpu();
  await workShard(world.task(), world.deps);
  await world.begin(world.spawned[0]!);
  await world.fail(world.spawned[0]!, 12, true);
  await world.collectAll();
  assert.deepEqual(world.told, [
    { token: "token-0", report: { kind: "failure", error: WORKER_RETRYABLE, cause: "no room" } },
  ]);
  assert.deepEqual(await world.money(), { reserved: 0, settled: cost(12) });
  assert.equal((await world.shard()).state, "failed");
  await workShard(world.task(1, "token-1"), world.deps);
  assert.equal(world.spawned.length, 2);
  assert.notEqual(world.spawned[0]!.job.call, world.spawned[1]!.job.call);
  await world.compute(world.spawned[1]!);
  await world.succeed(world.spawned[1]!, 5);
  await world.collectAll();
  const { state, usdMicros } = await world.shard();
  assert.deepEqual({ state, usdMicros }, { state: "done", usdMicros: cost(12) + cost(5) });
});

test("a success without its file is a failure that may pass", async () => {
  const world = await scriptedGpu();
  await workShard(world.task(), world.deps);
  await world.begin(world.spawned[0]!);
  await world.succeed(world.spawned[0]!, 12);
  await world.collectAll();
  const [end] = world.told;
  assert.ok(end?.report.kind === "failure" && end.report.error === WORKER_RETRYABLE);
  assert.match(end.report.cause ?? "", /output\.jsonl was told and is not there/);
});

test("lines that failed in the batch are losses of their samples; the others go on", async () => {
  const world = await scriptedGpu();
  await workShard(world.task(), world.deps);
  const [batch] = world.spawned;
  const error = { code: "prompt_too_long", message: "4,097 tokens" };
  await world.compute(batch!, (line, at) => (at === 1 ? { ...line, response: null, error } : line));
  await world.succeed(batch!, 10);
  await world.collectAll();
  const { state, samples, parked } = await world.shard();
  assert.deepEqual({ state, samples, parked }, { state: "done", samples: 3, parked: 1 });
  const { items } = await world.store.samples.query({ runId: RUN, passId: "1.train", state: "parked", limit: 9 });
  assert.match(items[0]?.reason ?? "", /prompt_too_long: 4,097 tokens/);
});

test("a dispatcher that dies before the spawn is made good by the sweeper, one call in all", async () => {
  const world = await scriptedGpu();
  world.faults.spawn = "throws";
  await assert.rejects(workShard(world.task(), world.deps), /the machine died/);
  world.faults.spawn = undefined;
  await sweepCalls(world.deps, rethrow);
  assert.equal(world.spawned.length, 0, "whoever claimed the spawn may still be at it");
  await world.clock.advance(1000);
  const swept = await Promise.all([sweepCalls(world.deps, rethrow), sweepCalls(world.deps, rethrow)]);
  assert.equal(swept[0].launched + swept[1].launched, 2);
  assert.equal(world.spawned.length, 1, "two sweepers spawn once");
  assert.deepEqual(await world.money(), { reserved: BOUND, settled: 0 });
});

test("a spawn nobody noted is recognised by its first report, and a second one is told to stop", async () => {
  const world = await scriptedGpu();
  const { calls } = world.deps.gpu;
  const { update } = calls;
  calls.update = async (row) => {
    if (row.state === "spawned") throw new Error("killed between spawn and store");
    return update(row);
  };
  await assert.rejects(workShard(world.task(), world.deps), /killed between/);
  calls.update = update;
  await world.clock.advance(1000);
  await sweepCalls(world.deps, rethrow);
  const [first, second] = world.spawned;
  assert.ok(first !== undefined && second !== undefined, "the sweeper cannot know of the first");
  assert.deepEqual(await world.begin(first), { goOn: false, reason: "another function does this work" });
  assert.deepEqual(await world.begin(second), { goOn: true });
});

test("lost callbacks: the sweeper asks the provider, and settles the time since the last report", async () => {
  const world = await scriptedGpu();
  await workShard(world.task(), world.deps);
  const [batch] = world.spawned;
  await world.begin(batch!);
  await world.beat(batch!, 20);
  await world.compute(batch!);
  batch!.state = { outcome: "finished" };
  await world.clock.advance(4999);
  assert.equal((await sweepCalls(world.deps, rethrow)).kept, 1, "silent, but not for long");
  assert.deepEqual(world.told, [{ token: "token-0", report: { kind: "heartbeat" } }], "the loop hears that it works");
  await world.clock.advance(1);
  assert.equal((await sweepCalls(world.deps, rethrow)).lost, 1);
  await world.collectAll();
  assert.equal((await world.shard()).state, "done");
  assert.deepEqual(await world.money(), { reserved: 0, settled: cost(25) });
});

test("a call the provider has lost fails and may be tried again; one that waits for a GPU keeps the task alive", async () => {
  const world = await scriptedGpu();
  await workShard(world.task(), world.deps);
  assert.equal((await sweepCalls(world.deps, rethrow)).kept, 1);
  assert.deepEqual(world.told, [{ token: "token-0", report: { kind: "heartbeat" } }]);
  world.spawned[0]!.state = { outcome: "unknown" };
  assert.equal((await sweepCalls(world.deps, rethrow)).lost, 1);
  await world.collectAll();
  const { report } = world.told[1]!;
  assert.ok(report.kind === "failure" && report.error === WORKER_RETRYABLE);
  assert.deepEqual(await world.money(), { reserved: 0, settled: 0 }, "it never reported: it computed nothing");
});

test("an end that nobody acted on is collected by the sweeper", async () => {
  const world = await scriptedGpu();
  await workShard(world.task(), world.deps);
  await world.compute(world.spawned[0]!);
  await world.succeed(world.spawned[0]!, 5);
  world.toCollect.length = 0; // the invocation was lost
  await world.clock.advance(1000);
  assert.equal((await sweepCalls(world.deps, rethrow)).collected, 1);
  await world.collectAll();
  assert.equal((await world.shard()).state, "done");
});

test("without room a call waits for the others' money, and without hope it pauses the run", async () => {
  const world = await scriptedGpu({ budgetMicros: BOUND + 10 });
  await world.store.ledger.reserve({
    id: "other",
    amounts: [{ account: runAccount(RUN), amount: 11 }],
    leaseUntil: 1e12,
  });
  await workShard(world.task(), world.deps);
  assert.equal(world.spawned.length, 0);
  assert.equal((await sweepCalls(world.deps, rethrow)).launched, 1, "it was tried");
  assert.equal(world.spawned.length, 0);
  await world.store.ledger.release("other");
  await sweepCalls(world.deps, rethrow);
  assert.equal(world.spawned.length, 1);

  const poor = await scriptedGpu({ budgetMicros: BOUND - 1 });
  await assert.rejects(workShard(poor.task(), poor.deps), { name: RUN_PAUSED });
  assert.equal((await poor.shard()).state, "planned", "as if nobody had tried");
  assert.deepEqual(await poor.money(), { reserved: 0, settled: 0 });
});

test("a call that waited for money is told when there is no more hope", async () => {
  const world = await scriptedGpu({ budgetMicros: BOUND });
  const account = runAccount(RUN);
  await world.store.ledger.reserve({ id: "other", amounts: [{ account, amount: 11 }], leaseUntil: 1e12 });
  await workShard(world.task(), world.deps);
  await world.store.ledger.settle("other", [{ account, amount: 11 }]);
  await sweepCalls(world.deps, rethrow);
  const { report } = world.told[0]!;
  assert.ok(report.kind === "failure" && report.error === RUN_PAUSED);
  assert.equal((await world.shard()).state, "planned");
});

test("the provider's 'not now' is tried again later, and nothing is reserved twice", async () => {
  const world = await scriptedGpu();
  world.faults.spawn = "busy";
  await workShard(world.task(), world.deps);
  assert.deepEqual(await world.money(), { reserved: BOUND, settled: 0 });
  world.faults.spawn = undefined;
  await world.clock.advance(1000);
  await sweepCalls(world.deps, rethrow);
  assert.equal(world.spawned.length, 1);
  assert.deepEqual(await world.money(), { reserved: BOUND, settled: 0 });
});

test("stopping a run cancels its calls, settles what they used, and their functions are told to stop", async () => {
  const world = await scriptedGpu();
  await workShard(world.task(), world.deps);
  const [batch] = world.spawned;
  await world.begin(batch!);
  await world.beat(batch!, 20);
  await world.clock.advance(7000);
  assert.equal(await cancelCalls(RUN, "paused by hand", world.deps), 1);
  assert.equal(batch!.cancelled, true);
  assert.deepEqual(await world.money(), { reserved: 0, settled: cost(27) });
  assert.deepEqual(await world.beat(batch!, 28), { goOn: false, reason: "the call is cancelled" });
  assert.equal(await cancelCalls(RUN, "again", world.deps), 0);
  await workShard(world.task(0, "token-after-resume"), world.deps);
  assert.equal(world.spawned.length, 2, "after a resume it is asked for anew");
});

test("a task tried again while its call still runs adopts it: the answer goes to the newest token", async () => {
  const world = await scriptedGpu();
  await workShard(world.task(), world.deps);
  await world.begin(world.spawned[0]!);
  await workShard(world.task(1, "token-1"), world.deps);
  assert.equal(world.spawned.length, 1);
  await world.compute(world.spawned[0]!);
  await world.succeed(world.spawned[0]!, 5);
  await world.collectAll();
  assert.deepEqual(
    world.told.map(({ token, report }) => [token, report.kind]),
    [["token-1", "success"]],
  );
});

test("a deployment in the middle of a run changes nothing, one that speaks another contract is refused", async () => {
  const world = await scriptedGpu();
  await workShard(world.task(), world.deps);
  await world.begin(world.spawned[0]!);
  await world.fail(world.spawned[0]!, 1, true);
  await world.collectAll();
  world.deps.gpu.provider.deployed = async () => ({ version: 8, contract: 2 });
  await workShard(world.task(1, "token-1"), world.deps);
  assert.deepEqual(
    world.spawned.map(({ place }) => place.version),
    [7, 7],
  );

  const other = await scriptedGpu();
  other.deps.gpu.provider.deployed = async () => ({ version: 8, contract: 2 });
  await assert.rejects(workShard(other.task(), other.deps), /speaks contract 2.*modal deploy/);
});
