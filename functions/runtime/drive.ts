/** Starts a planned run or goes on with one, and stays with it until it ends. */

import { runReservations } from "../../shared/budget/accounts.ts";
import { Drain } from "../../shared/drain.ts";
import type { EventSink } from "../../shared/schemas/events.ts";
import type { RunRow } from "../../shared/schemas/rows.ts";
import type { LocalOrchestrator } from "../adapters/asl/orchestrator.ts";
import { type Ending, endingOf, RunStopped, stoppedByHand } from "./endings.ts";
import { LOOP_NAME, type Local, openLoop } from "./local.ts";
import { moveRun } from "./run-rows.ts";

/** Whoever held this run's reservations is dead, the lock says so: their leases need not run out. Other runs' go on. */
async function takeBackReservations(runId: string, local: Local): Promise<void> {
  await local.store.ledger.expire(Number.MAX_SAFE_INTEGER, runReservations(runId));
}

/**
 * Works until the run ends, pauses or `signal` aborts; an abort's `RunStopped` says what the run becomes. What an earlier
 * process left running goes on where it stood; otherwise a new execution walks through what is done and does the rest.
 * When it returns, nothing of the run is under way any more.
 */
export async function driveRun(
  runId: string,
  local: Local,
  options: { emit: EventSink; signal: AbortSignal },
): Promise<RunRow> {
  const known = await local.store.runs.get(runId);
  if (known?.state === "finished") return known; // what was cut off came after the run: its report and datasets
  await takeBackReservations(runId, local);
  await moveRun(runId, { state: "running", reason: undefined }, local);
  const started = local.clock.now();
  options.emit({ kind: "run", runId, state: "running" });
  const ending = await workUntilEnd(runId, local, options);
  const row = await moveRun(runId, { ...ending, workedMs: local.clock.now() - started }, local);
  options.emit({
    kind: "run",
    runId,
    state: ending.state,
    ...(ending.reason === undefined ? {} : { reason: ending.reason }),
  });
  return row;
}

async function workUntilEnd(
  runId: string,
  local: Local,
  { emit, signal }: { emit: EventSink; signal: AbortSignal },
): Promise<Ending> {
  const ended = new AbortController(); // shards of a run that failed stop as well
  const loop = openLoop(local, { emit, signal: AbortSignal.any([signal, ended.signal]), flow: runId });
  try {
    const executionId = await continueOrStart(runId, loop);
    return await Promise.race([
      loop.settled(executionId).then((execution) => endingOf(runId, execution)),
      aborted(signal).then((reason) => (reason instanceof RunStopped ? reason.ending : stoppedByHand(runId))),
    ]);
  } finally {
    ended.abort(new Drain(`run ${runId} has ended`));
    await loop.close();
  }
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

/** The next drive starts from the first round's first stage instead of where this one was cut off. */
export async function forgetExecution(runId: string, local: Local): Promise<void> {
  const loop = openLoop(local, { emit: () => {}, signal: new AbortController().signal, flow: runId });
  try {
    for (let attempt = 1; ; attempt++) {
      const executionId = `${LOOP_NAME}:${runId}.${attempt}`;
      const { outcome } = await loop.stop(executionId, "its shards were opened again");
      if (outcome === "unknown_execution") return;
    }
  } finally {
    await loop.close();
  }
}

/** The reason, once there is one. */
function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
  });
}
