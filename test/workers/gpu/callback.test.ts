import assert from "node:assert/strict";
import { test } from "node:test";
import { signedHeaders, verifySignature } from "../../../functions/webhooks/signature.ts";
import { workShard } from "../../../functions/workers/dispatch.ts";
import { callback } from "../../../functions/workers/gpu/callback.ts";
import { scriptedGpu } from "../../support/scripted-gpu.ts";

const SECRET = `whsec_${Buffer.from("a secret of the callback").toString("base64")}`;

async function asked() {
  const world = await scriptedGpu();
  await workShard(world.task(), world.deps);
  const [batch] = world.spawned;
  const report = { type: "started", call: batch!.job.call, providerId: batch!.providerId, container: "c" };
  const body = JSON.stringify(report);
  const signed = (text: string, now = world.clock.now()) => signedHeaders({ id: "msg_1", body: text, now }, SECRET);
  const tell = (text: string, headers: Record<string, string>) => callback({ headers, body: text }, SECRET, world.deps);
  return { world, body, signed, tell };
}

test("a signed report is heeded", async () => {
  const { world, body, signed, tell } = await asked();
  assert.deepEqual(await tell(body, signed(body)), { status: 200, body: { goOn: true } });
  assert.equal((await world.calls.get(JSON.parse(body).call))?.state, "running");
});

test("what is not signed, signed by somebody else, changed on the way or old changes nothing", async () => {
  const { world, body, signed, tell } = await asked();
  const other = signedHeaders({ id: "msg_1", body, now: world.clock.now() }, `whsec_${btoa("another")}`);
  const cases: [string, string, Record<string, string>][] = [
    ["no headers", body, {}],
    ["another secret", body, other],
    ["another body", `${body} `, signed(body)],
    ["another id", body, { ...signed(body), "webhook-id": "msg_2" }],
    ["five minutes and a second old", body, signed(body, world.clock.now() - 301_000)],
    ["from the future", body, signed(body, world.clock.now() + 302_000)],
    ["no number", body, { ...signed(body), "webhook-timestamp": "now" }],
  ];
  for (const [name, text, headers] of cases) assert.equal((await tell(text, headers)).status, 401, name);
  assert.equal((await world.calls.get(JSON.parse(body).call))?.state, "spawned");
});

test("a signed text that is no report is refused with the field that is wrong", async () => {
  const { signed, tell } = await asked();
  for (const text of ["{", "[]", '{"type":"success"}', '{"type":"dance","call":"x"}']) {
    const { status } = await tell(text, signed(text));
    assert.equal(status, 400, text);
  }
  const late = JSON.stringify({
    type: "heartbeat",
    call: "c",
    providerId: "p",
    gpuSeconds: -1,
    progress: { done: 0, total: 1 },
  });
  const { body } = await tell(late, signed(late));
  assert.match("error" in body ? body.error : "", /^gpuSeconds: /);
  assert.equal((await tell("x".repeat(70_000), {})).status, 413);
});

test("one of several signatures is enough, as when secrets are changed", () => {
  const headers = signedHeaders({ id: "m", body: "b", now: 1_000_000 }, SECRET);
  const both = { ...headers, "webhook-signature": `v1,${btoa("x".repeat(32))} ${headers["webhook-signature"]}` };
  assert.equal(verifySignature({ headers: both, body: "b", now: 1_000_000 }, SECRET).outcome, "verified");
});
