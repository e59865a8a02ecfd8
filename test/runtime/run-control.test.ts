import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Created, Refused } from "../../functions/api/deps.ts";
import type { Local } from "../../functions/runtime/local.ts";
import { runAccount } from "../../shared/budget/accounts.ts";
import { pairsKey, reportKey } from "../../shared/keys.ts";
import { aKey, configOn, OWNER, reaches, scriptedWorld, until } from "./scripted-world.ts";

function made(created: Created | Refused): string {
  assert.equal(created.outcome, "created", JSON.stringify(created));
  return (created as Created).run.runId;
}

const pairsOf = async ({ blobs }: Local, runId: string): Promise<string> =>
  new TextDecoder().decode((await blobs.read(pairsKey(runId, 1))) ?? new Uint8Array());

const eventsOf = async ({ store }: Local, runId: string) =>
  (await store.service.events.read(runId, { after: 0, limit: 10_000 })).map(({ event }) => event);

describe("a run of the service", () => {
  test("is queued, works, and ends with its pairs, its report and its datasets", async () => {
    await using world = await scriptedWorld();
    const { control, local, told, faults } = world;
    const created = await control.create(configOn({ manifest: world.manifest }), OWNER);
    const runId = made(created);
    assert.equal((created as Created).run.state, "queued");
    await reaches(local, runId, "finished");
    await until(() => told.length === 2);
    assert.deepEqual(
      told.map(({ event }) => event),
      ["run.started", "run.finished"],
    );
    assert.ok((await pairsOf(local, runId)).length > 0);
    assert.ok(await local.blobs.read(reportKey(runId, "html")), "told only when the report is there");
    const events = await eventsOf(local, runId);
    const states = events.filter(({ kind }) => kind === "run").map(({ state }) => state);
    assert.deepEqual(states, ["queued", "running", "finished"]);
    assert.equal(events.at(-1)?.["kind"], "run", "nothing is told after the end");
    assert.deepEqual(faults, []);
    assert.equal((await control.create(configOn({ manifest: world.manifest }), OWNER)).outcome, "already_there");
  });

  test("waits while others have the places, and several work at once on the same files", async () => {
    await using world = await scriptedWorld();
    const { control, local, door } = world;
    door.close();
    const ids: string[] = [];
    for (const seed of [1, 2, 3]) {
      ids.push(made(await control.create(configOn({ manifest: world.manifest }, { seed }), OWNER)));
    }
    await until(() => door.waiting() >= 2);
    const states = await Promise.all(ids.map(async (id) => (await local.store.runs.get(id))?.state));
    assert.deepEqual(states, ["running", "running", "queued"]);
    door.open();
    for (const id of ids) assert.equal((await reaches(local, id, "finished", "failed")).state, "finished");
    await using alone = await scriptedWorld();
    for (const [place, seed] of [1, 2, 3].entries()) {
      const runId = made(await alone.control.create(configOn({ manifest: alone.manifest }, { seed }), OWNER));
      await reaches(alone.local, runId, "finished");
      assert.equal(await pairsOf(local, ids[place]!), await pairsOf(alone.local, runId), "together as alone");
    }
  });

  test("paused in the middle frees its money, and resumed ends as if nothing had been", async () => {
    await using world = await scriptedWorld();
    const { control, local, door } = world;
    door.close();
    const runId = made(await control.create(configOn({ manifest: world.manifest }), OWNER));
    await until(() => door.waiting() > 0);
    const paused = await control.pause(runId);
    assert.equal(paused.outcome, "moved");
    assert.ok(paused.outcome === "moved" && paused.run.state === "paused");
    assert.match(paused.run.reason ?? "", /rlaifv resume .* or POST \/v1\/runs\/.*\/resume/);
    assert.equal((await local.store.ledger.read(runAccount(runId)))?.reserved, 0);
    assert.equal((await control.pause(runId)).outcome, "already_there");
    door.open();
    const [first, second] = await Promise.all([control.resume(runId), control.resume(runId)]);
    assert.deepEqual([first.outcome, second.outcome], ["moved", "already_there"]);
    await reaches(local, runId, "finished");
    assert.equal((await control.resume(runId)).outcome, "not_possible");
    assert.equal((await control.pause(runId)).outcome, "not_possible");
    await using calm = await scriptedWorld();
    const same = made(await calm.control.create(configOn({ manifest: calm.manifest }), OWNER));
    await reaches(calm.local, same, "finished");
    assert.equal(await pairsOf(local, runId), await pairsOf(calm.local, same));
  });

  test("can be paused and cancelled while it waits", async () => {
    await using world = await scriptedWorld({ parts: { maxActiveRuns: 1 } });
    const { control, local, door } = world;
    door.close();
    const works = made(await control.create(configOn({ manifest: world.manifest }), OWNER));
    const waits = made(await control.create(configOn({ manifest: world.manifest }, { seed: 2 }), OWNER));
    assert.equal((await control.pause(waits)).outcome, "moved");
    assert.equal((await control.cancel(waits)).outcome, "moved");
    assert.equal((await control.cancel(waits)).outcome, "already_there");
    door.open();
    await reaches(local, works, "finished");
    assert.equal((await local.store.runs.get(waits))?.state, "stopped");
    assert.equal((await control.resume(waits)).outcome, "moved");
    await reaches(local, waits, "finished");
  });

  test("that is stopped with the service goes on by itself with the next one", async () => {
    await using world = await scriptedWorld({ parts: { maxActiveRuns: 1 } });
    const { control, local, door } = world;
    door.close();
    const works = made(await control.create(configOn({ manifest: world.manifest }), OWNER));
    const waits = made(await control.create(configOn({ manifest: world.manifest }, { seed: 2 }), OWNER));
    await until(() => door.waiting() > 0);
    await world.stop();
    door.open();
    const next = await world.reopen();
    try {
      assert.equal((await next.local.store.runs.get(works))?.state, "queued");
      await next.control.start();
      for (const id of [works, waits]) await reaches(next.local, id, "finished");
      assert.equal((await next.local.store.runs.get(works))?.reason, undefined);
    } finally {
      await next.control.close();
      await next.local.close();
    }
    void local;
  });
});

describe("a run's money", () => {
  test("a run short of money goes on when its budget is raised, and ends with the same pairs", async () => {
    await using world = await scriptedWorld();
    const { control, local, told } = world;
    await using rich = await scriptedWorld();
    const whole = made(await rich.control.create(configOn({ manifest: rich.manifest }), OWNER));
    await reaches(rich.local, whole, "finished");
    const spent = (await rich.local.store.ledger.read(runAccount(whole)))!.settled / 1e6;
    const budgetUsd = spent * 3; // reservations are bounds, some times above the bill
    const runId = made(await control.create(configOn({ manifest: world.manifest }, { budgetUsd }), OWNER));
    const paused = await reaches(local, runId, "paused", "finished");
    assert.equal(paused.state, "paused");
    assert.match(paused.reason ?? "", /rlaifv resume .* --budget USD" or PATCH \/v1\/runs/);
    await until(() => told.some(({ event }) => event === "run.paused"));
    const settled = (await local.store.ledger.read(runAccount(runId)))!.settled / 1e6;
    const below = await control.setBudget(runId, settled / 2, OWNER);
    assert.ok(below.outcome === "refused" && below.code === "budget.below_spent");
    assert.ok(below.detail.includes(`${settled} USD`), below.detail);
    assert.equal((await control.setBudget(runId, 5, OWNER)).outcome, "moved");
    await reaches(local, runId, "finished");
    assert.equal(await pairsOf(local, runId), await pairsOf(rich.local, whole));
  });

  test("a budget counts against the key's day, and what is not spent comes back at the end", async () => {
    await using world = await scriptedWorld();
    const { control, local, door } = world;
    const key = aKey(6);
    door.close();
    const runId = made(await control.create(configOn({ manifest: world.manifest }), key));
    const second = await control.create(configOn({ manifest: world.manifest }, { seed: 2 }), key);
    assert.ok(second.outcome === "refused" && second.code === "budget.over_day", JSON.stringify(second));
    assert.equal(second.field, "config.budgetUsd");
    const raised = await control.setBudget(runId, 7, key);
    assert.ok(raised.outcome === "refused" && raised.code === "budget.over_day");
    await until(() => door.waiting() > 0);
    assert.equal((await control.cancel(runId)).outcome, "moved");
    door.open();
    const again = made(await control.create(configOn({ manifest: world.manifest }, { seed: 2 }), key));
    await reaches(local, again, "finished");
    await until(async () => (await control.resume(runId)).outcome === "moved");
    await reaches(local, runId, "finished");
  });
});

describe("a config is refused", () => {
  test("when a key names a server or a secret the operator did not name; the owner may", async () => {
    await using world = await scriptedWorld();
    const { control, local } = world;
    const config = configOn({ manifest: world.manifest });
    const elsewhere = { ...config, questioner: { ...config.questioner, baseUrl: "http://evil.test/v1" } };
    const refused = await control.create(elsewhere, aKey(50));
    assert.ok(refused.outcome === "refused");
    assert.deepEqual([refused.code, refused.field], ["model.server_not_allowed", "config.questioner.baseUrl"]);
    const [labeler] = config.labelers;
    const secret = { ...config, labelers: [labeler!, { ...labeler!, apiKeyEnv: "AWS_SECRET_ACCESS_KEY" }] };
    const stolen = await control.estimate(secret, aKey(50), new AbortController().signal);
    assert.ok(stolen.outcome === "refused");
    assert.deepEqual([stolen.code, stolen.field], ["model.key_not_allowed", "config.labelers.1.apiKeyEnv"]);
    const runId = made(await control.create(elsewhere, OWNER));
    await reaches(local, runId, "finished");
  });

  test("when it names paths, or a manifest that is not here", async () => {
    await using world = await scriptedWorld();
    const { control } = world;
    const path = await control.create(configOn({ path: "/etc/passwd" }), OWNER);
    assert.ok(path.outcome === "refused" && path.field === "config.data.path");
    const gone = await control.create(configOn({ manifest: "man_0123456789abcdef" }), OWNER);
    assert.ok(gone.outcome === "refused" && gone.code === "manifest.not_found");
  });
});
