import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { memoryBlobStore } from "../../../functions/adapters/memory/blob-store.ts";
import type { GpuCalls } from "../../../shared/ports/calls.ts";
import type { BatchJob } from "../../../shared/schemas/gpu.ts";
import { type FakeBody, type FakeContext, untilAborted } from "../../support/modal/apps.ts";
import { ModalBroke } from "../../support/modal/calls.ts";
import { batchJob, gpuOn, PLACE, rig, trainJob } from "./rig.ts";

/** Begins one call and gives its id. */
async function begun(gpu: GpuCalls, place = PLACE): Promise<string> {
  const spawned = await gpu.spawn(batchJob(), place);
  assert.equal(spawned.outcome, "spawned");
  return spawned.outcome === "spawned" ? spawned.providerId : "";
}

/** Runs until it is let go or stopped. */
function gated() {
  const gate = Promise.withResolvers<void>();
  const seen: FakeContext[] = [];
  const run: FakeBody = async (_args, _kwargs, context) => {
    seen.push(context);
    await Promise.race([gate.promise, untilAborted(context.signal)]);
    return { ok: true };
  };
  return { run, seen, open: gate.resolve };
}

test("a call runs until it has finished, for whoever knows its id", async () => {
  const { run, open } = gated();
  await using it = await rig({ run });
  const id = await begun(it.gpu);
  const elsewhere = gpuOn(it.modal);
  assert.deepEqual(await elsewhere.poll(id), { outcome: "running" });
  open();
  await it.modal.ended(id);
  assert.deepEqual(await elsewhere.poll(id), { outcome: "finished" });
  assert.deepEqual(await it.gpu.poll(id), { outcome: "finished" });
});

test("what a function throws, a time-out and Modal's own failure are failures worth another try", async () => {
  const ends: Record<string, FakeBody> = {
    throws: () => {
      throw new RangeError("CUDA out of memory");
    },
    breaks: () => {
      throw new ModalBroke("worker lost");
    },
    hangs: gated().run,
  };
  await using it = await rig(
    { run: (args, kwargs, context) => ends[String((args[0] as BatchJob).call)]!(args, kwargs, context) },
    { secondMs: 20 },
  );
  const states: unknown[] = [];
  for (const call of Object.keys(ends)) {
    const spawned = await it.gpu.spawn(batchJob({ call }), { ...PLACE, timeoutSeconds: 2 });
    const id = spawned.outcome === "spawned" ? spawned.providerId : "";
    await it.modal.ended(id);
    states.push(await it.gpu.poll(id));
  }
  const failed = (message: string) => ({ outcome: "failed", message, retryable: true });
  assert.deepEqual(states, [
    failed("Remote error: RangeError(CUDA out of memory)"),
    failed("Internal failure: worker lost"),
    failed("Timeout: ran longer than 2 s"),
  ]);
  assert.deepEqual(
    it.modal.calls.map(({ state, starts }) => [state, starts]),
    [
      ["failed", 1],
      ["lost_by_modal", 1],
      ["timed_out", 1],
    ],
  );
});

test("a container that runs out of memory ends the call, as we ask Modal for no tries of its own", async () => {
  const { run } = gated();
  await using it = await rig({ run });
  const id = await begun(it.gpu);
  it.modal.kill(id);
  assert.deepEqual(await it.gpu.poll(id), {
    ...{ outcome: "failed", message: "Remote error: container exited with code 137", retryable: true },
  });
});

test("a stopped call ends with its container and is not worth another try; stopping it again changes nothing", async () => {
  const { run, seen } = gated();
  await using it = await rig({ run });
  const id = await begun(it.gpu);
  await it.gpu.cancel(id);
  const stopped = { outcome: "failed", message: `call ${id} was stopped`, retryable: false };
  assert.deepEqual(await it.gpu.poll(id), stopped);
  assert.equal(seen[0]?.signal.aborted, true);
  await it.gpu.cancel(id);
  assert.deepEqual(await it.gpu.poll(id), stopped);
  assert.deepEqual(it.modal.running(), []);
  const next = await begun(it.gpu);
  assert.notEqual(it.modal.calls.find((call) => call.id === next)?.container, seen[0]?.container);
});

test("a call that waits for a container can be stopped too, and one that has finished stays finished", async () => {
  const { run, open } = gated();
  await using it = await rig({ run });
  const first = await begun(it.gpu, { ...PLACE, maxContainers: 1 });
  const second = await begun(it.gpu, { ...PLACE, maxContainers: 1 });
  await it.gpu.cancel(second);
  open();
  await it.modal.ended(first);
  await it.gpu.cancel(first);
  assert.deepEqual(await it.gpu.poll(first), { outcome: "finished" });
  assert.equal((await it.gpu.poll(second)).outcome, "failed");
  assert.equal(it.modal.calls[1]?.starts, 0);
});

test("a call nobody has heard of, and one whose result is no longer kept, are unknown, and are left alone", async () => {
  await using it = await rig();
  const id = await begun(it.gpu);
  await it.modal.ended(id);
  it.modal.expire(id);
  assert.deepEqual(await it.gpu.poll(id), { outcome: "unknown" });
  it.modal.forget(id);
  assert.deepEqual(await it.gpu.poll(id), { outcome: "unknown" });
  assert.deepEqual(await it.gpu.poll("fc-never"), { outcome: "unknown" });
  await it.gpu.cancel("fc-never");
});

test("a poll says nothing about a call while Modal cannot be reached", async () => {
  const { run } = gated();
  await using it = await rig({ run });
  const id = await begun(it.gpu);
  it.modal.inject("functionGetOutputs", { kind: "unavailable" }, 4);
  await assert.rejects(it.gpu.poll(id), /UNAVAILABLE/);
  assert.deepEqual(await it.gpu.poll(id), { outcome: "running" });
});

test("a training whose container is taken away is begun again in another one and goes on from its checkpoint", async () => {
  const bucket = memoryBlobStore();
  const steps: string[] = [];
  const train: FakeBody = async (_args, _kwargs, { signal, attempt, container }) => {
    const from = Number((await readText(bucket, "checkpoint")) ?? 0);
    for (let step = from; step < 4; step++) {
      if (attempt === 0 && step === 2) await untilAborted(signal);
      steps.push(`${container} step ${step}`);
      await bucket.write("checkpoint", Buffer.from(String(step + 1)));
    }
    return { steps: 4 };
  };
  await using it = await rig({ train });
  await it.gpu.spawn(trainJob(), PLACE);
  const [call] = it.modal.calls;
  assert.ok(call !== undefined);
  while (steps.length < 2) await delay(1);
  assert.deepEqual(await it.gpu.poll(call.id), { outcome: "running" });
  it.modal.preempt(call.id);
  await it.modal.ended(call.id);
  assert.deepEqual(await it.gpu.poll(call.id), { outcome: "finished" });
  assert.deepEqual(steps, ["ta-1 step 0", "ta-1 step 1", "ta-2 step 2", "ta-2 step 3"]);
  assert.equal(call.starts, 2);
});

test("no more containers run at once than the place allows; the others wait in their order", async () => {
  const { run, seen, open } = gated();
  await using it = await rig({ run });
  for (let at = 0; at < 12; at++) await begun(it.gpu, { ...PLACE, maxContainers: 2 });
  const ids = it.modal.calls.map(({ id }) => id);
  assert.deepEqual([it.modal.running().length, seen.length], [2, 2]);
  open();
  await Promise.all(ids.map((id) => it.modal.ended(id)));
  assert.deepEqual(
    seen.map(({ callId }) => callId),
    ids,
  );
  assert.deepEqual([...new Set(it.modal.calls.map(({ container }) => container))].sort(), ["ta-1", "ta-2"]);
});

test("two runs with limits of their own do not share containers", async () => {
  const { run } = gated();
  await using it = await rig({ run });
  for (let at = 0; at < 3; at++) await begun(it.gpu, { ...PLACE, maxContainers: 1 });
  for (let at = 0; at < 3; at++) await begun(it.gpu, { ...PLACE, maxContainers: 2 });
  assert.deepEqual(
    it.modal.running().map(({ options }) => options.maxContainers),
    [1, 2, 2],
  );
});

async function readText(bucket: ReturnType<typeof memoryBlobStore>, key: string): Promise<string | undefined> {
  const found = await bucket.read(key);
  return found === undefined ? undefined : Buffer.from(found).toString();
}
