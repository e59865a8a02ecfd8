/** The states that call nobody: Pass, Choice, Wait, Succeed, Fail. */
import type { Branch, Move } from "./branch.ts";
import type { ChoiceState, FailState, WaitState } from "./definition.ts";
import { StatesError } from "./errors.ts";
import { fill, fillNumber, fillText } from "./expressions.ts";
import { sleepUntil } from "./waiting.ts";

export async function performChoice(branch: Branch, state: ChoiceState): Promise<Move> {
  const scope = branch.scope();
  const otherwise = branch.frame.input;
  for (const choice of state.Choices) {
    const holds = await fill(choice.Condition, scope);
    if (typeof holds !== "boolean") {
      throw new StatesError(
        "States.QueryEvaluationError",
        `Condition ${choice.Condition} must give true or false, not ${JSON.stringify(holds)}`,
      );
    }
    if (holds) return branch.moveTo(choice.Next, choice, { scope, otherwise });
  }
  if (state.Default === undefined) {
    throw new StatesError(
      "States.NoChoiceMatched",
      `no condition of "${branch.frame.state}" holds and it has no Default`,
    );
  }
  return branch.moveTo(state.Default, state, { scope, otherwise });
}

async function wakeTime(branch: Branch, state: WaitState): Promise<number> {
  const scope = branch.scope();
  if (state.Seconds !== undefined) return branch.frame.enteredAt + 1000 * (await fillNumber(state.Seconds, scope, 0));
  const text = await fillText(state.Timestamp!, scope);
  const at = Date.parse(text);
  if (!Number.isNaN(at)) return at;
  throw new StatesError("States.QueryEvaluationError", `Timestamp must be an ISO 8601 time, not "${text}"`);
}

/** The moment to go on is stored: a restart waits only for the rest. */
export async function performWait(branch: Branch, state: WaitState): Promise<Move> {
  if (branch.frame.wakeAt === null) branch.record([], { wakeAt: await wakeTime(branch, state) });
  await sleepUntil(branch.runtime.clock, branch.frame.wakeAt!, branch.signal);
  return branch.finish(state, undefined);
}

/** Error and Cause may be expressions; both may be left out. */
export async function performFail(branch: Branch, state: FailState): Promise<never> {
  const scope = branch.scope();
  const error = state.Error === undefined ? "States.Failed" : await fillText(state.Error, scope);
  throw new StatesError(error, state.Cause === undefined ? "" : await fillText(state.Cause, scope));
}
