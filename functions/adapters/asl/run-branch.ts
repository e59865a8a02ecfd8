/** Runs a branch from wherever its frame stands to its end. */
import type { Branch, Move } from "./branch.ts";
import type { State } from "./definition.ts";
import { StatesError } from "./errors.ts";
import { performMap } from "./map.ts";
import { performParallel } from "./parallel.ts";
import { recoveryFrom } from "./retry.ts";
import { performChoice, performFail, performWait } from "./simple-states.ts";
import type { FrameEnd, NewEvent } from "./store.ts";
import { performTask } from "./task.ts";
import { sleepUntil } from "./waiting.ts";

function perform(branch: Branch, state: State): Promise<Move> {
  switch (state.Type) {
    case "Pass":
      return branch.finish(state, undefined);
    case "Succeed":
      return branch.finish(state, undefined);
    case "Fail":
      return performFail(branch, state);
    case "Choice":
      return performChoice(branch, state);
    case "Wait":
      return performWait(branch, state);
    case "Task":
      return performTask(branch, state);
    case "Parallel":
      return performParallel(branch, state);
    case "Map":
      return performMap(branch, state);
  }
}

/** The history's word for the end of the work inside a state. */
const WORK_EVENTS: Partial<Record<State["Type"], string>> = {
  Task: "Task",
  Parallel: "ParallelState",
  Map: "MapState",
};

function workEvent(state: State, ending: "Succeeded" | "Failed", error?: StatesError): NewEvent[] {
  const work = WORK_EVENTS[state.Type];
  // Step Functions notes MapRunSucceeded for a distributed map, and nothing more
  const mapRun = state.Type === "Map" && state.ItemProcessor.ProcessorConfig.Mode === "DISTRIBUTED";
  if (work === undefined || (mapRun && ending === "Succeeded")) return [];
  const timedOut = error !== undefined && state.Type === "Task" && /^States\.(Heartbeat)?Timeout$/.test(error.name);
  const type = `${work}${timedOut ? "TimedOut" : ending}`;
  return [{ type, ...(error === undefined ? {} : { details: { error: error.name, cause: error.message } }) }];
}

const failedWith = (error: StatesError): FrameEnd => ({ ok: false, error: error.name, cause: error.message });

async function recover(branch: Branch, state: State, error: StatesError): Promise<FrameEnd | undefined> {
  const { clock, random } = branch.runtime;
  const events = workEvent(state, "Failed", error);
  const guards = state.Type === "Task" || state.Type === "Parallel" || state.Type === "Map" ? state : {};
  const recovery = recoveryFrom(guards, branch.frame.retries, { error: error.name, random });
  if (recovery.outcome === "failed") return branch.end(failedWith(error), events);
  if (recovery.outcome === "retry") {
    branch.retry(recovery.retries, clock.now() + Math.ceil(recovery.delayMs), events);
    return undefined;
  }
  const errorOutput = { Error: error.name, Cause: error.message };
  const { catcher } = recovery;
  const move = await branch.moveTo(catcher.Next, catcher, {
    scope: branch.scope({ errorOutput }),
    otherwise: errorOutput,
  });
  branch.enter({ ...move, next: catcher.Next }, events);
  return undefined;
}

/** One state, once. `undefined`: the branch goes on. Anything thrown but a StatesError goes through unchanged. */
async function step(branch: Branch): Promise<FrameEnd | undefined> {
  const { state, frame } = branch;
  try {
    if (frame.wakeAt !== null && state.Type !== "Wait") {
      await sleepUntil(branch.runtime.clock, frame.wakeAt, branch.signal);
      branch.frame = { ...frame, wakeAt: null };
    }
    const move = await perform(branch, state);
    const events = workEvent(state, "Succeeded");
    if (move.next === undefined) return branch.end({ ok: true, output: move.output }, events);
    branch.enter({ ...move, next: move.next }, events);
    return undefined;
  } catch (error) {
    if (!(error instanceof StatesError)) throw error;
    return recover(branch, state, error);
  }
}

/**
 * @throws Interrupted when the branch's signal fires; its frame stays as it is
 */
export async function runBranch(branch: Branch): Promise<FrameEnd> {
  try {
    for (;;) {
      const end = await step(branch);
      if (end !== undefined) return end;
    }
  } catch (error) {
    // a failing catcher, or the history's limit while a failure was written down
    if (error instanceof StatesError) return branch.abandon(failedWith(error));
    throw error;
  }
}
