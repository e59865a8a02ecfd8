/** Every few minutes: whatever was lost on the way is found again. Any number may sweep at once. */
import { randomFrom } from "../../../shared/random.ts";
import type { RunRow } from "../../../shared/schemas/rows.ts";
import { safePost } from "../../intake/safe-fetch.ts";
import { webhookSender } from "../../webhooks/sender.ts";
import { type Swept, sweepCalls } from "../../workers/gpu/sweep.ts";
import { allRuns } from "../run-rows.ts";
import type { RunTelling } from "../run-telling.ts";
import type { Cloud } from "./cloud.ts";
import { executionEnded } from "./ended.ts";
import { newestExecution } from "./executions.ts";
import { cloudWork } from "./run-work.ts";
import { workerDeps } from "./run-worker.ts";

/** A run that is older can have no execution any more: Step Functions runs one for a year at most. */
const OLDEST_MS = 366 * 24 * 3600 * 1000;
/** A run is begun and its execution started a moment later; then its start was cut off. Our choice. */
const START_MS = 60_000;

export type SweepReport = { calls: Swept; runs: number; expired: number };

export async function sweep(cloud: Cloud, telling: RunTelling): Promise<SweepReport> {
  const { store, clock, telemetry } = cloud;
  const deps = workerDeps(cloud, { runId: undefined, signal: new AbortController().signal });
  const calls = await sweepCalls(deps, (error, call) =>
    telemetry.error("a call could not be looked after", error, { call }),
  );
  const runs = await sweepRuns(cloud, telling);
  const expired = (await store.ledger.expire(clock.now())).length;
  await store.service.idempotency.sweep(clock.now());
  telemetry.measure({ name: "OpenCalls", unit: "Count", value: calls.seen - calls.cancelled - calls.lost });
  telemetry.measure({ name: "CallsLost", unit: "Count", value: calls.lost });
  return { calls, runs, expired };
}

/** Runs whose execution ended without anybody hearing it, and runs whose start was cut off. */
async function sweepRuns(cloud: Cloud, telling: RunTelling): Promise<number> {
  let mended = 0;
  for await (const run of allRuns(cloud.store)) {
    if (cloud.clock.now() - run.createdAt > OLDEST_MS) break;
    try {
      if (await mend(run, cloud, telling)) mended++;
    } catch (error) {
      cloud.telemetry.error("a run could not be looked after", error, { runId: run.runId });
    }
  }
  return mended;
}

async function mend(run: RunRow, cloud: Cloud, telling: RunTelling): Promise<boolean> {
  const { runId, state } = run;
  const isStartLate = cloud.clock.now() - run.updatedAt > START_MS;
  if (state === "queued" && isStartLate) {
    await cloudWork(cloud, telling).add(runId);
    return true;
  }
  if (state !== "running") return false;
  const execution = await newestExecution(runId, cloud);
  if (execution === undefined || execution.status === "RUNNING") return false;
  return (await executionEnded(execution.id, cloud, telling)).outcome === "ended";
}

/** Sends what is due for as long as there is time. */
export async function sendWebhooks(cloud: Cloud, ms: number): Promise<void> {
  const { store, clock, web, telemetry } = cloud;
  await webhookSender({
    store: store.service.webhooks,
    clock,
    post: (url, request) => safePost(url, { ...web, ...request }),
    random: randomFrom(clock.now()),
    onFault: (error) => telemetry.error("a webhook could not be sent", error),
    signal: AbortSignal.timeout(ms),
  });
}
