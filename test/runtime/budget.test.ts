import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { writeScenes } from "../../functions/embedded/world/write-scenes.ts";
import { createRun } from "../../functions/runtime/create-run.ts";
import { driveRun } from "../../functions/runtime/drive.ts";
import { type Local, openLocal } from "../../functions/runtime/local.ts";
import { planRun } from "../../functions/runtime/plan-run.ts";
import { runAccount, runReservations } from "../../shared/budget/accounts.ts";
import { Drain } from "../../shared/drain.ts";
import { pairsKey } from "../../shared/keys.ts";
import type { Ledger } from "../../shared/ports/ledger.ts";
import { RunConfig } from "../../shared/schemas/config.ts";
import type { RunEvent } from "../../shared/schemas/events.ts";
import { type PaidServer, paidServer } from "../support/paid-server.ts";
import { tempFolder } from "../support/temp-folder.ts";

const DRIVER = new URL("../support/run-driver.ts", import.meta.url).pathname;
const IMAGES = 9;
const NEVER = new AbortController().signal;

async function configOn(server: PaidServer, folder: string, budgetUsd: number): Promise<RunConfig> {
  const manifest = await writeScenes({ folder: join(folder, "scenes"), split: "train", seed: 5, count: IMAGES });
  const roles = { policy: server.model, divider: server.model, questioner: server.model, labelers: [server.model] };
  const generate = { candidates: 4, maxTokens: 64 };
  return RunConfig.parse({ name: "paid", data: { path: manifest }, ...roles, generate, shardSamples: 3, budgetUsd });
}

async function created(config: RunConfig, local: Local): Promise<string> {
  const planned = await planRun(config, local, { strict: false });
  await createRun(planned, local);
  return planned.plan.runId;
}

const pairsOf = async (local: Local, runId: string): Promise<string> =>
  new TextDecoder().decode((await local.blobs.read(pairsKey(runId, 1))) ?? new Uint8Array());

async function undisturbed(server: PaidServer, folder: string): Promise<{ pairs: string; micros: number }> {
  const local = await openLocal({ dataDir: join(folder, "whole"), env: {} });
  try {
    const runId = await created(await configOn(server, folder, 100), local);
    const row = await driveRun(runId, local, { emit: () => {}, signal: NEVER });
    assert.equal(row.state, "finished", row.reason);
    const { settled } = (await local.store.ledger.read(runAccount(runId)))!;
    assert.equal(settled, server.bill.micros, "a run that nothing disturbs settles what the server counted");
    return { pairs: await pairsOf(local, runId), micros: settled };
  } finally {
    await local.close();
  }
}

/** Fails as soon as the account is over its budget. */
const withinBudget = (event: RunEvent): void => {
  if (event.kind === "money") assert.ok(event.settledMicros + event.reservedMicros <= event.budgetMicros);
};

test("a run that is stopped again and again settles what the server counted, and ends with the same pairs", async (t) => {
  await using folder = await tempFolder("stopped");
  await using server = await paidServer();
  const whole = await undisturbed(server, folder.path);
  const local = await openLocal({ dataDir: join(folder.path, "stopped"), env: {} });
  try {
    const runId = await created(await configOn(server, folder.path, 100), local);
    const before = { ...server.bill };
    const amounts = [{ account: runAccount("other"), amount: 10 }];
    await local.store.ledger.open(runAccount("other"), 10);
    await local.store.ledger.reserve({
      id: `${runReservations("other")}s`,
      amounts,
      leaseUntil: Number.MAX_SAFE_INTEGER,
    });
    for (const replies of [2, 15, 60, 90]) {
      const stop = new AbortController();
      void server.reached(before.replies + replies).then(() => stop.abort());
      const { state } = await driveRun(runId, local, { emit: withinBudget, signal: stop.signal });
      assert.equal(state, "stopped");
      await server.quiet();
      const { settled, reserved } = (await local.store.ledger.read(runAccount(runId)))!;
      assert.equal(reserved, 0);
      const billed = server.bill.micros - before.micros;
      t.diagnostic(
        `stopped after ${server.bill.replies - before.replies} replies: ${settled} settled, ${billed} billed`,
      );
      assert.ok(settled >= billed);
    }
    const row = await driveRun(runId, local, { emit: withinBudget, signal: NEVER });
    assert.equal(row.state, "finished", row.reason);
    assert.equal(await pairsOf(local, runId), whole.pairs);
    assert.equal((await local.store.ledger.read(runAccount("other")))?.reserved, 10, "another run's money stays held");
  } finally {
    await local.close();
  }
});

test("a run that is paused settles exactly what the server counted: what was asked is let finish, the rest is not asked", async () => {
  await using folder = await tempFolder("paused");
  await using server = await paidServer();
  const whole = await undisturbed(server, folder.path);
  const local = await openLocal({ dataDir: join(folder.path, "paused"), env: {}, compute: "threads" });
  try {
    const runId = await created(await configOn(server, folder.path, 100), local);
    const before = { ...server.bill };
    for (const replies of [2, 15, 60, 90]) {
      const stop = new AbortController();
      void server.reached(before.replies + replies).then(() => stop.abort(new Drain("paused")));
      await driveRun(runId, local, { emit: withinBudget, signal: stop.signal });
      const { settled, reserved } = (await local.store.ledger.read(runAccount(runId)))!;
      assert.deepEqual([settled, reserved], [server.bill.micros - before.micros, 0]);
    }
    const row = await driveRun(runId, local, { emit: withinBudget, signal: NEVER });
    assert.equal(row.state, "finished", row.reason);
    assert.equal(await pairsOf(local, runId), whole.pairs);
    const { settled } = (await local.store.ledger.read(runAccount(runId)))!;
    assert.equal(settled, whole.micros, "pauses cost nothing, and nothing was asked twice");
  } finally {
    await local.close();
  }
});

test("a run that is killed again and again never counts less than the server, and ends with the same pairs", async (t) => {
  await using folder = await tempFolder("killed");
  await using server = await paidServer();
  const whole = await undisturbed(server, folder.path);
  const dataDir = join(folder.path, "killed");
  const local = await openLocal({ dataDir, env: {} });
  const runId = await created(await configOn(server, folder.path, 100), local);
  const before = { ...server.bill };
  try {
    for (const replies of [3, 50, 110]) {
      const child = spawn(process.execPath, [DRIVER, dataDir, runId], { stdio: ["ignore", "ignore", "inherit"] });
      const ended = once(child, "exit");
      await Promise.race([server.reached(before.replies + replies), ended]);
      child.kill("SIGKILL");
      await ended;
      assert.equal(child.signalCode, "SIGKILL", "killed before its end");
      await server.quiet();
      const billed = server.bill.micros - before.micros;
      const settled = await settledByTheDead(local.store.ledger, runId);
      t.diagnostic(
        `killed after ${server.bill.replies - before.replies} replies: ${settled} settled, ${billed} billed`,
      );
      assert.ok(settled >= billed);
    }
    const row = await driveRun(runId, local, { emit: withinBudget, signal: NEVER });
    assert.equal(row.state, "finished", row.reason);
    assert.equal(await pairsOf(local, runId), whole.pairs);
    const money = (await local.store.ledger.read(runAccount(runId)))!;
    assert.ok(money.reserved === 0 && money.settled >= server.bill.micros - before.micros);
  } finally {
    await local.close();
  }
});

/** As the next start does it: whoever held reservations is dead. */
async function settledByTheDead(ledger: Ledger, runId: string): Promise<number> {
  const { settled, reserved, budget } = (await ledger.read(runAccount(runId)))!;
  assert.ok(settled + reserved <= budget);
  await ledger.expire(Number.MAX_SAFE_INTEGER, runReservations(runId));
  return (await ledger.read(runAccount(runId)))!.settled;
}

test("a run stopped by its budget and raised in steps ends with the pairs of one that was never short", async (t) => {
  await using folder = await tempFolder("raised");
  await using server = await paidServer();
  const whole = await undisturbed(server, folder.path);
  const local = await openLocal({ dataDir: join(folder.path, "raised"), env: {} });
  try {
    let budget = Math.round(whole.micros * 0.5);
    const runId = await created(await configOn(server, folder.path, budget / 1e6), local);
    const before = { ...server.bill };
    let pauses = 0;
    for (;;) {
      const { state } = await driveRun(runId, local, { emit: withinBudget, signal: NEVER });
      const { settled, reserved } = (await local.store.ledger.read(runAccount(runId)))!;
      assert.deepEqual([reserved, settled], [0, server.bill.micros - before.micros]);
      assert.ok(settled <= budget, "the server's own bill stays within the budget");
      if (state === "finished") break;
      assert.equal(state, "paused");
      pauses++;
      budget = Math.round(budget * 1.5);
      await local.store.ledger.open(runAccount(runId), budget);
    }
    t.diagnostic(`${pauses} pauses`);
    assert.ok(pauses > 1);
    assert.equal(await pairsOf(local, runId), whole.pairs);
    assert.equal(server.bill.micros - before.micros, whole.micros, "nothing was asked twice");
  } finally {
    await local.close();
  }
});
