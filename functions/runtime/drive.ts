/** Starts a planned run or goes on with one, and stays with it until it ends. */

import { runAccount, runReservations } from "../../shared/budget/accounts.ts";
import { toMicros } from "../../shared/budget/prices.ts";
import { configKey, planKey, samplesKey } from "../../shared/keys.ts";
import type { Execution } from "../../shared/ports/orchestrator.ts";
import type { EventSink } from "../../shared/schemas/events.ts";
import { LoopOutput } from "../../shared/schemas/loop.ts";
import type { RunRow, RunState } from "../../shared/schemas/rows.ts";
import { mayRunMove } from "../../shared/states/run.ts";
import type { LocalOrchestrator } from "../adapters/asl/orchestrator.ts";
import { writeJson } from "../workers/files.ts";
import { type Local, openLoop } from "./local.ts";
import type { PlannedRun } from "./plan-run.ts";

/** Stores the run's inputs; a run that is there already is left as it is. */
export async function createRun(
  { plan, config, parts }: PlannedRun,
  local: Local,
): Promise<{ outcome: "written" | "already_there" }> {
  const { runId } = plan;
  if ((await local.store.runs.get(runId)) !== undefined) return { outcome: "already_there" };
  for (const part of ["data", "selection", "evaluation"] as const) {
    await local.blobs.write(
      samplesKey(runId, part),
      parts[part].map((sample) => `${JSON.stringify(sample)}\n`).join(""),
    );
  }
  await writeJson(local.blobs, configKey(runId), config);
  await writeJson(local.blobs, planKey(runId), plan);
  await local.store.ledger.open(runAccount(runId), toMicros(config.budgetUsd));
  const now = local.clock.now();
  return local.store.runs.create({
    runId,
    name: config.name,
    state: "running",
    version: 0,
    createdAt: now,
    updatedAt: now,
    workedMs: 0,
    configKey: configKey(runId),
    round: 0,
    rounds: config.rounds,
  });
}

/** Whoever held this run's reservations is dead, the lock says so: their leases need not run out. Other runs' go on. */
async function takeBackReservations(runId: string, local: Local): Promise<void> {
  await local.store.ledger.expire(Number.MAX_SAFE_INTEGER, runReservations(runId));
}

/**
 * Works until the run ends, pauses or `signal` aborts. What an earlier process left running goes on where it stood;
 * otherwise a new execution walks through what is done and does the rest.
 */
export async function driveRun(
  runId: string,
  local: Local,
  options: { emit: EventSink; signal: AbortSignal },
): Promise<RunRow> {
  const known = await local.store.runs.get(runId);
  if (known?.state === "finished") return known; // what was cut off came after the run: its report and datasets
  await takeBackReservations(runId, local);
  await moveRun(runId, { state: "running", reason: undefined, workedMs: 0 }, local);
  const started = local.clock.now();
  const loop = openLoop(local, options);
  options.emit({ kind: "run", runId, state: "running" });
  let ending: { state: RunState; reason: string | undefined };
  try {
    const executionId = await continueOrStart(runId, loop);
    ending = await Promise.race([
      loop.settled(executionId).then((execution) => endingOf(execution)),
      aborted(options.signal).then(() => ({
        state: "stopped" as const,
        reason: `stopped by hand; "rlaifv resume ${runId}" goes on`,
      })),
    ]);
  } finally {
    await loop.close();
  }
  const row = await moveRun(runId, { ...ending, workedMs: local.clock.now() - started }, local);
  options.emit({
    kind: "run",
    runId,
    state: ending.state,
    ...(ending.reason === undefined ? {} : { reason: ending.reason }),
  });
  return row;
}

/**
 * Executions of a run are named `<runId>.1`, `.2`, …: one that was cut off goes on, and a new start after one that ended
 * takes the next number.
 */
async function continueOrStart(runId: string, loop: LocalOrchestrator): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const { outcome, executionId } = await loop.start({ name: `${runId}.${attempt}`, input: { runId } });
    if (outcome === "started") return executionId;
  }
}

function endingOf(execution: Execution): { state: RunState; reason: string | undefined } {
  if (execution.status !== "SUCCEEDED") {
    const { error, cause } = execution.error ?? { error: execution.status, cause: "" };
    return { state: "failed", reason: `${error}: ${cause}` };
  }
  const output = LoopOutput.parse(execution.output);
  if (output.status === "finished") return { state: "finished", reason: undefined };
  return {
    state: "paused",
    reason: `the budget is spent; "rlaifv resume ${output.runId} --budget USD" goes on with more`,
  };
}

type Ending = { state: RunState; reason: string | undefined; workedMs: number };

async function moveRun(runId: string, { state, reason, workedMs }: Ending, local: Local): Promise<RunRow> {
  for (;;) {
    const row = await local.store.runs.get(runId);
    if (row === undefined) throw new Error(`there is no run ${runId}`);
    if (row.state !== state && !mayRunMove(row.state, state)) {
      throw new Error(`run ${runId} is ${row.state} and cannot become ${state}`);
    }
    const { reason: _old, ...kept } = row;
    const told = reason === undefined ? {} : { reason };
    const next = { ...kept, ...told, state, updatedAt: local.clock.now(), workedMs: row.workedMs + workedMs };
    const written = await local.store.runs.update(next);
    if (written.outcome === "written") return written.run;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
