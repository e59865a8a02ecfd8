import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunStore } from "../../shared/ports/state-store.ts";
import { RunRow } from "../../shared/schemas/rows.ts";
import type { WithStore } from "./state-store.ts";

export function runsContract(within: WithStore): void {
  test(
    "gives a run back as it was written",
    within(async ({ runs }) => {
      const run = runRow({
        name: "Läufe ✓ 画像 🙂",
        reason: "line one\nline 'two' \"three\"",
        checkpoint: { id: "demo-r1-s28", key: "runs/a/c.safetensors", sha256: "0".repeat(64), step: 28, epoch: 1.25 },
      });
      assert.deepEqual(await runs.create(run), { outcome: "written" });
      assert.deepEqual(RunRow.parse(await runs.get(run.runId)), run);
      assert.equal(await runs.get("nobody"), undefined);
    }),
  );

  test(
    "creates a run once: a second run under its id changes nothing",
    within(async ({ runs }) => {
      const outcomes = await Promise.all(["first", "second", "third"].map((name) => runs.create(runRow({ name }))));
      assert.deepEqual(outcomes.map(({ outcome }) => outcome).sort(), ["already_there", "already_there", "written"]);
      const stored = await runs.get("run-a");
      assert.deepEqual(await runs.create(runRow({ name: "late" })), { outcome: "already_there" });
      assert.deepEqual(await runs.get("run-a"), stored);
    }),
  );

  test(
    "updates a run only from the version that is stored",
    within(async ({ runs }) => {
      const run = runRow({});
      await runs.create(run);
      const updated = { ...run, state: "paused" as const, reason: "budget", round: 2, version: 1 };
      assert.deepEqual(await runs.update({ ...updated, version: 0 }), { outcome: "written", run: updated });
      assert.deepEqual(await runs.update({ ...run, name: "late" }), { outcome: "conflict" });
      assert.deepEqual(await runs.get("run-a"), updated);
      assert.deepEqual(await runs.update(runRow({ runId: "nobody" })), { outcome: "conflict" });
      assert.equal(await runs.get("nobody"), undefined);
    }),
  );

  test(
    "lets exactly one of many updates of the same version win",
    within(async ({ runs }) => {
      await runs.create(runRow({}));
      const results = await Promise.all(Array.from({ length: 50 }, (_, round) => runs.update(runRow({ round }))));
      const winners = results.filter(({ outcome }) => outcome === "written");
      assert.equal(winners.length, 1);
      assert.deepEqual(winners[0], { outcome: "written", run: await runs.get("run-a") });
    }),
  );

  test(
    "lists runs newest first, in pages that newer runs do not shift",
    within(async ({ runs }) => {
      for (const createdAt of [3, 1, 2, 2, 5]) {
        await runs.create(runRow({ runId: `run-${createdAt}-${await countRuns(runs)}`, createdAt }));
      }
      const first = await runs.list({ limit: 2 });
      await runs.create(runRow({ runId: "run-9", createdAt: 9 }));
      const second = await runs.list({ limit: 2, ...next(first) });
      const third = await runs.list({ limit: 2, ...next(second) });
      const times = [first, second, third].map(({ items }) => items.map(({ createdAt }) => createdAt));
      assert.deepEqual(times, [[5, 3], [2, 2], [1]]);
      assert.equal(third.cursor, undefined);
    }),
  );

  test(
    "refuses a limit below one and a cursor it never gave",
    within(async ({ runs }) => {
      await assert.rejects(runs.list({ limit: 0 }), /limit 0/);
      await assert.rejects(runs.list({ limit: 5, cursor: "made up" }), /cursor "made up"/);
    }),
  );
}

async function countRuns(runs: RunStore): Promise<number> {
  return (await runs.list({ limit: 100 })).items.length;
}

function next({ cursor }: { cursor?: string }): { cursor?: string } {
  assert.ok(cursor, "there is a next page");
  return { cursor };
}

function runRow(facts: Partial<RunRow>): RunRow {
  return {
    runId: "run-a",
    name: "demo",
    state: "running",
    version: 0,
    createdAt: 1_800_000_000_000,
    updatedAt: 1_800_000_000_000,
    workedMs: 0,
    configKey: "runs/run-a/config.json",
    round: 0,
    rounds: 4,
    ...facts,
  };
}
