import assert from "node:assert/strict";
import { test } from "node:test";
import { forgetExecution } from "../../functions/runtime/drive.ts";
import type { Local } from "../../functions/runtime/local.ts";
import { retryParked } from "../../functions/runtime/retry-parked.ts";
import { readRecord } from "../../shared/jsonl.ts";
import { pairsKey } from "../../shared/keys.ts";
import type { BatchLine } from "../../shared/schemas/chat.ts";
import { Submitted } from "../../shared/schemas/sample.ts";
import { configOn, OWNER, reaches, scriptedWorld, until } from "./scripted-world.ts";

const isLabel = ({ body }: BatchLine): boolean => body.logprobs === true;
const pairsOf = async ({ blobs }: Local, runId: string) =>
  new TextDecoder().decode((await blobs.read(pairsKey(runId, 1))) ?? new Uint8Array());

async function start(world: Awaited<ReturnType<typeof scriptedWorld>>): Promise<string> {
  const created = await world.control.create(configOn({ manifest: world.manifest }), OWNER);
  assert.equal(created.outcome, "created", JSON.stringify(created));
  return created.outcome === "created" ? created.run.runId : "";
}

/** The first request of three samples is refused for good: they are parked in `generate`. */
function refuseThree(world: Awaited<ReturnType<typeof scriptedWorld>>): void {
  const chosen = new Set<string>();
  world.server.refuses = (line) => {
    const isAnswer = (line.body.n ?? 1) > 1;
    if (isAnswer && chosen.size < 3) chosen.add(line.custom_id);
    return isAnswer && chosen.has(line.custom_id);
  };
}

test("parked samples of a paused run get another try, and the run ends as if they had never been parked", async () => {
  await using world = await scriptedWorld({ images: 10 });
  const { control, local, door } = world;
  refuseThree(world);
  door.close(isLabel);
  const runId = await start(world);
  await until(() => door.waiting() > 0);
  assert.equal((await control.retryParked(runId)).outcome, "not_possible", "while it works");
  await control.pause(runId);
  assert.equal((await local.store.samples.count(runId, "1.train")).parked, 3);
  world.server.refuses = () => false;
  const retried = await control.retryParked(runId);
  assert.deepEqual(retried.outcome, "moved");
  const { items } = await local.store.samples.query({ runId, passId: "1.train", limit: 100 });
  assert.ok(items.every(({ state, reason }) => state !== "parked" && reason === undefined));
  for (const { sampleId, pointer } of items) {
    const record = Submitted.loose().parse(await readRecord(local.blobs, pointer));
    assert.equal(record.sampleId, sampleId, "every row points at its own line");
  }
  const nothing = await control.retryParked(runId);
  assert.ok(nothing.outcome === "not_possible" && /No sample .* is parked/.test(nothing.reason));
  door.open();
  await control.resume(runId);
  await reaches(local, runId, "finished", "failed");
  const { paired, unpaired } = await local.store.samples.count(runId, "1.train");
  assert.equal(paired + unpaired, 10);
  await using calm = await scriptedWorld({ images: 10 });
  const same = await start(calm);
  await reaches(calm.local, same, "finished");
  assert.equal(await pairsOf(local, runId), await pairsOf(calm.local, same));
});

test("once the round's pairs are made, parked samples stay parked, and the reason is told", async () => {
  await using world = await scriptedWorld();
  refuseThree(world);
  const runId = await start(world);
  const run = await reaches(world.local, runId, "finished");
  const told = await world.control.retryParked(runId);
  assert.deepEqual(told, { outcome: "not_possible", reason: "The run is finished." });
  const cutOff = await retryParked(
    { ...run, state: "failed" },
    { ...world.local, forget: (runId) => forgetExecution(runId, world.local) },
  );
  assert.ok(cutOff.outcome === "not_possible" && /pairs of pass 1\.train are made already/.test(cutOff.reason));
});
