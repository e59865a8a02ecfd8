/** The whole deployment, on this machine: four rounds through the cloud's own code, to the byte as on one machine. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { jsonOf } from "../../functions/client/client.ts";
import { isFinishedWhole } from "../../functions/runtime/finish.ts";
import { spentMicros } from "../../functions/workers/gpu/call-money.ts";
import { runAccount } from "../../shared/budget/accounts.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import { demoConfig, outcomeOf, runLocally, sendRun } from "../support/cloud/demo-run.ts";
import type { ReportFault } from "../support/cloud/reports.ts";
import { type CloudFaults, openTestCloud, type TestCloud } from "../support/cloud/test-cloud.ts";
import { noDynamo } from "../support/dynamo-local.ts";
import { tempFolder } from "../support/temp-folder.ts";

/** RLAIFV_E2E_IMAGES=200 runs the demo's full size. */
const IMAGES = Number(process.env["RLAIFV_E2E_IMAGES"] ?? 24);
const SIZE = { rounds: 4, images: IMAGES, selection: IMAGES / 2, evaluation: IMAGES / 2 };
const PATIENCE_MS = 8 * 60_000;

describe("the demo in the cloud", { skip: noDynamo }, () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let config: RunConfig;
  let local: Awaited<ReturnType<typeof runLocally>>;

  before(async () => {
    folder = await tempFolder("e2e-cloud");
    config = await demoConfig(folder.path, SIZE);
    local = await runLocally(config, `${folder.path}/local`);
  });
  after(() => folder?.[Symbol.asyncDispose]());

  test("makes the same datasets, checkpoints and report as on one machine", async () => {
    await using cloud = await openTestCloud();
    const runId = await sendRun(config, cloud.client);
    assert.equal(runId, local.runId, "the same config, data and code are the same run");
    await untilState(runId, "finished", cloud);
    await assertSame(runId, cloud, local.files);
    await assertBooksClosed(runId, cloud);
    const shards = await cloud.cloud.store.shards.list({ runId });
    assert.ok(shards.length > 100 && shards.every(({ state }) => state === "done"));
  });

  test("makes the same with lost, late and repeated reports, dead workers, throttling, a preempted trainer and a raised budget", async () => {
    const faults = plannedFaults();
    await using cloud = await openTestCloud(faults.faults);
    const enough = config.budgetUsd * 50;
    const runId = await sendRun({ ...config, budgetUsd: 0.29 }, cloud.client);
    assert.equal(runId, local.runId);
    await untilState(runId, "paused", cloud);
    assert.equal(cloud.modal.running().length, 0, "nothing computes for a run that is paused");
    await assertBooksClosed(runId, cloud);
    await jsonOf(cloud.client.api.v1.runs[":id"].$patch({ param: { id: runId }, json: { budget_usd: enough } }));
    await untilState(runId, "finished", cloud);
    await assertSame(runId, cloud, local.files);
    await assertBooksClosed(runId, cloud);
    for (const [fault, count] of Object.entries(faults.happened)) assert.ok(count > 0, `no ${fault} happened`);
  });

  test("a run that is cancelled leaves nothing running, and its money goes back", async () => {
    await using cloud = await openTestCloud();
    const runId = await sendRun(config, cloud.client);
    while (cloud.modal.running().length === 0) await wait(20);
    await jsonOf(cloud.client.api.v1.runs[":id"].cancel.$post({ param: { id: runId }, header: {} }));
    await untilState(runId, "stopped", cloud);
    await until(
      async () => cloud.modal.running().length === 0,
      () => "calls go on",
    );
    await assertBooksClosed(runId, cloud);
  });
});

/** Every so often something breaks, each kind of fault a bounded number of times. */
function plannedFaults() {
  const happened: Record<string, number> = {};
  const counts: Record<string, number> = {};
  const every = (name: string, times: number, most = 6): boolean => {
    counts[name] = (counts[name] ?? 0) + 1;
    if (counts[name] % times !== 0 || (happened[name] ?? 0) >= most) return false;
    happened[name] = (happened[name] ?? 0) + 1;
    return true;
  };
  const killed = (name: string, times: number) => {
    if (!every(name, times)) return;
    const death = new Error("the process was killed");
    death.name = "Runtime.ExitError";
    throw death;
  };
  const faults: CloudFaults = {
    reports: ({ type }) => reportFault(type, every),
    worker: (name, when) => killed(`${name === "dispatch" ? "dispatcher" : "worker"} killed ${when} its work`, 23),
    spawn: (when) => killed(when === "before" ? "kill before a spawn" : "kill between spawn and store", 17),
    invocation: () => every("lost invocation", 15),
    dynamo() {
      if (!every("throttled request", 60, 40)) return;
      const throttled = new Error("slow down");
      throttled.name = "ThrottlingException";
      throw throttled;
    },
    onStep: (modal) => (callId, step, attempt) => {
      if (step === 2 && attempt === 0 && every("preempted trainer", 1, 3)) modal.preempt(callId);
    },
  };
  return { faults, happened };
}

/** At most one fault a report; ends and heartbeats are lost, any report comes twice or late. */
function reportFault(type: string, every: (name: string, times: number) => boolean): ReportFault | undefined {
  if (type === "heartbeat" && every("lost heartbeat", 5)) return "lost";
  if (type === "success" && every("lost end", 9)) return "lost";
  if (type === "success" && every("lost answer to an end", 11)) return "reply_lost";
  if (every("repeated report", 7)) return "twice";
  return every("late report", 13) ? "late" : undefined;
}

async function untilState(runId: string, wanted: string, cloud: TestCloud): Promise<void> {
  await until(
    async () => {
      const run = await cloud.cloud.store.runs.get(runId);
      if (run?.state === "failed" && wanted !== "failed") throw new Error(`${run.reason}\n${lastErrors(cloud)}`);
      return run?.state === wanted && (wanted !== "finished" || (await isFinishedWhole(runId, cloud.bucket)));
    },
    () => `the run did not become ${wanted}\n${lastErrors(cloud)}`,
  );
}

async function until(holds: () => Promise<boolean>, otherwise: () => string): Promise<void> {
  for (const started = Date.now(); Date.now() - started < PATIENCE_MS; await wait(100)) if (await holds()) return;
  throw new Error(otherwise());
}

function lastErrors({ telemetry }: TestCloud): string {
  const errors = telemetry.lines.filter(({ level }) => level === "error").slice(-5);
  return errors
    .map(
      ({ message, error, facts }) =>
        `${message}: ${error instanceof Error ? error.stack : error} ${JSON.stringify(facts)}`,
    )
    .join("\n");
}

async function assertSame(runId: string, cloud: TestCloud, expected: ReadonlyMap<string, string>): Promise<void> {
  const made = await outcomeOf(runId, cloud.bucket);
  assert.deepEqual([...made.keys()].sort(), [...expected.keys()].sort());
  for (const [key, content] of expected) assert.equal(made.get(key), content, key);
}

/** What every call reported, in money, is what the run is billed; nothing is held and nobody computes. */
async function assertBooksClosed(runId: string, { cloud, modal, begun }: TestCloud): Promise<void> {
  const rows = await Promise.all(begun().map((call) => cloud.gpu.calls.get(call)));
  const bill = rows.reduce((sum, row) => sum + spentMicros(row!), 0);
  const account = await cloud.store.ledger.read(runAccount(runId));
  assert.deepEqual({ settled: account?.settled, reserved: account?.reserved }, { settled: bill, reserved: 0 });
  assert.deepEqual(
    rows.filter((row) => !["done", "failed", "cancelled"].includes(row!.state)),
    [],
  );
  assert.equal(modal.running().length, 0);
}
