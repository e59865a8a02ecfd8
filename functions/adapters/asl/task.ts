/** The Task state: calls a worker, and waits for its answer or for the report on its token. */
import { randomUUID } from "node:crypto";
import type { Json, TaskReport } from "../../../shared/ports/orchestrator.ts";
import type { Branch, Move } from "./branch.ts";
import { INVOKE_AND_WAIT, type TaskState } from "./definition.ts";
import { INTERRUPTED, StatesError, toStatesError } from "./errors.ts";
import { fill, fillNumber, fillText } from "./expressions.ts";
import { withinPayload } from "./limits.ts";
import { type Deadlines, withDeadlines } from "./waiting.ts";

type Call = { name: string; payload: Json };

async function callOf(branch: Branch, state: TaskState): Promise<Call> {
  const scope = branch.scope();
  const name = await fillText(state.Arguments.FunctionName, scope);
  const payload = await fill(state.Arguments.Payload ?? {}, scope);
  return { name, payload: withinPayload(payload, `the Payload of "${branch.frame.state}"`) };
}

async function invoke(branch: Branch, { name, payload }: Call, signal: AbortSignal): Promise<Json> {
  const worker = branch.runtime.functions.get(name);
  if (worker === undefined) {
    throw new StatesError(
      "Lambda.ResourceNotFoundException",
      `there is no function "${name}" among those given to openOrchestrator`,
    );
  }
  try {
    const answer = await worker(payload, { signal });
    return JSON.parse(JSON.stringify(answer ?? null)) as Json;
  } catch (error) {
    throw signal.aborted ? INTERRUPTED : toStatesError(error);
  }
}

function resultOf(report: TaskReport): Json {
  if (report.kind === "success") return report.output;
  if (report.kind === "failure") throw new StatesError(report.error, report.cause ?? "");
  throw new Error("a heartbeat is no result");
}

/**
 * The token is stored before the worker hears it. After a crash the worker is called again with the same token, for the
 * call may never have reached it, and a report that came in between counts at once; a retry has a new token.
 */
async function waitForReport(branch: Branch, call: Call, signal: AbortSignal): Promise<Json> {
  const { tokens, store } = branch.runtime;
  const token = branch.frame.token!;
  const reported = tokens.wait(token);
  try {
    const { report } = store.reportOf(token);
    if (report !== undefined) return resultOf(report);
    const refused = Promise.withResolvers<never>();
    invoke(branch, call, signal).catch(refused.reject);
    return resultOf(await Promise.race([reported, refused.promise]));
  } finally {
    tokens.leave(token);
  }
}

async function deadlinesOf(branch: Branch, state: TaskState): Promise<Deadlines> {
  const { TimeoutSeconds, HeartbeatSeconds } = state;
  const scope = branch.scope();
  return {
    timeout: TimeoutSeconds === undefined ? undefined : await fillNumber(TimeoutSeconds, scope, 1),
    heartbeat: HeartbeatSeconds === undefined ? undefined : await fillNumber(HeartbeatSeconds, scope, 1),
    lastBeat: () => (branch.frame.token === null ? 0 : branch.runtime.tokens.lastBeat(branch.frame.token)),
  };
}

/** The deadlines of a task start anew when its worker is called again after a crash. */
export async function performTask(branch: Branch, state: TaskState): Promise<Move> {
  const waits = state.Resource === INVOKE_AND_WAIT;
  const events = ["TaskScheduled", "TaskStarted", ...(waits ? ["TaskSubmitted"] : [])].map((type) => ({ type }));
  branch.record(events, waits && branch.frame.token === null ? { token: randomUUID() } : {});
  const call = await callOf(branch, state);
  const work = (signal: AbortSignal) => (waits ? waitForReport(branch, call, signal) : invoke(branch, call, signal));
  const answer = await withDeadlines(work, await deadlinesOf(branch, state), {
    clock: branch.runtime.clock,
    signal: branch.signal,
  });
  // the shape of lambda:invoke's own answer; a token's report is the result as it is
  const result = waits ? answer : { ExecutedVersion: "$LATEST", Payload: answer, StatusCode: 200 };
  return branch.finish(state, withinPayload(result, `the result of "${branch.frame.state}"`));
}
