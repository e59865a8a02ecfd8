import assert from "node:assert/strict";
import { test } from "node:test";
import { runAccount } from "../../shared/budget/accounts.ts";
import { aKey, configOn, OWNER, reaches, scriptedWorld } from "./scripted-world.ts";

const never = new AbortController().signal;

test("a pilot tells what a run costs and yields, and the run asks nothing of it again", async () => {
  await using world = await scriptedWorld({ images: 60 });
  const { control, local, vlm } = world;
  const config = configOn({ manifest: world.manifest }, { pair: { ...configOn({ path: "." }).pair, balance: false } });
  const estimate = await control.estimate(config, OWNER, never);
  assert.ok(estimate.outcome === "estimated", JSON.stringify(estimate));
  assert.deepEqual([estimate.pilot.samples, estimate.samples], [20, 60]);
  const asked = vlm.asked;
  const again = await control.estimate({ ...config, budgetUsd: 7 }, OWNER, never);
  assert.deepEqual(again, estimate, "told from memory");
  assert.equal(vlm.asked, asked);

  const created = await control.create(config, OWNER);
  assert.ok(created.outcome === "created");
  const run = await reaches(local, created.run.runId, "finished", "failed");
  assert.equal(run.state, "finished", run.reason);
  const shards = await local.store.shards.list({ runId: run.runId });
  const total = (figure: "requests" | "cachedReplies") => shards.reduce((sum, shard) => sum + shard[figure], 0);
  assert.equal(vlm.asked - asked, total("requests") - total("cachedReplies"));
  assert.ok(total("cachedReplies") >= asked, "nothing that the pilot asked is asked again");

  const spent = (await local.store.ledger.read(runAccount(run.runId)))!.settled / 1e6;
  const whole = spent + estimate.pilot.usd;
  const ci = estimate.usd.ci!;
  assert.ok(Math.abs(estimate.usd.value - whole) / whole < 0.15, `${estimate.usd.value} USD told, ${whole} USD it was`);
  assert.ok(ci[0] <= estimate.usd.value && estimate.usd.value <= ci[1]);
  const pairing = JSON.parse(
    new TextDecoder().decode(await local.blobs.read(`runs/${run.runId}/rounds/1/pairing.json`)),
  ) as { pairs: number };
  const [low, high] = estimate.pairs.ci!;
  assert.ok(low * 0.9 <= pairing.pairs && pairing.pairs <= high * 1.1, `${low}..${high} told, ${pairing.pairs} it was`);
  for (const { stage, requests } of estimate.stages) {
    const made = shards.filter((shard) => shard.stage === stage).reduce((sum, shard) => sum + shard.requests, 0);
    assert.ok(Math.abs(requests - made) <= made * 0.15 + 1, `${stage}: ${requests} told, ${made} it was`);
  }
});

test("a pilot's money counts for who asks, and no more is asked than the key may spend", async () => {
  await using world = await scriptedWorld({ images: 30 });
  const { control, vlm } = world;
  const config = configOn({ manifest: world.manifest });
  const poor = await control.estimate(config, aKey(0.0001), never);
  assert.ok(poor.outcome === "refused" && poor.code === "limit.usd", JSON.stringify(poor));
  assert.equal(vlm.asked, 0);
  const rich = await control.estimate(config, aKey(50), never);
  assert.ok(rich.outcome === "estimated");
  assert.ok(rich.pilot.usd > 0);
});

test("a pilot of a server that refuses everything says why instead of telling figures", async () => {
  await using world = await scriptedWorld();
  world.server.refuses = () => true;
  const refused = await world.control.estimate(configOn({ manifest: world.manifest }), OWNER, never);
  assert.ok(refused.outcome === "refused" && refused.code === "pilot.all_parked");
  assert.match(refused.detail, /the server refuses it/);
});
