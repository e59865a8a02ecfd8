/** Errors as Amazon States Language names them, and the rules by which Retry and Catch match them. */

/** A failure inside an execution: `name` is what ErrorEquals matches, `message` the cause. */
export class StatesError extends Error {
  constructor(name: string, cause: string) {
    super(cause);
    this.name = name;
  }
}

/** Unwinds a branch that nobody waits for any more; nothing is written and nothing can catch it. */
export class Interrupted extends Error {}
/** The one that is thrown: thousands of branches may unwind at once, and nobody reads its stack. */
export const INTERRUPTED = new Interrupted("nobody waits for this branch any more");

/** Any thrown thing as a StatesError: an error of a worker keeps its own name, as AWS Lambda reports `errorType`. */
export function toStatesError(thrown: unknown): StatesError {
  if (thrown instanceof StatesError) return thrown;
  if (thrown instanceof Error) {
    const report = { errorType: thrown.name, errorMessage: thrown.message };
    return new StatesError(thrown.name, JSON.stringify(report));
  }
  return new StatesError("Error", JSON.stringify({ errorType: "Error", errorMessage: String(thrown) }));
}

/** AWS: a States.Runtime error always fails the execution. */
const NEVER_MATCHED = ["States.Runtime"];
/** AWS: terminal errors that States.ALL does not match; only their own name does. */
const NOT_MATCHED_BY_ALL = ["States.DataLimitExceeded"];
/** States language spec, appendix A: States.Timeout also covers missed heartbeats. */
const TIMEOUTS = ["States.Timeout", "States.HeartbeatTimeout"];

/** Whether a retrier's or catcher's ErrorEquals covers the error. */
export function errorMatches(errorEquals: readonly string[], error: string): boolean {
  if (NEVER_MATCHED.includes(error)) return false;
  return errorEquals.some((name) => {
    if (name === error) return true;
    if (name === "States.Timeout") return TIMEOUTS.includes(error);
    if (NOT_MATCHED_BY_ALL.includes(error)) return false;
    if (name === "States.TaskFailed") return !TIMEOUTS.includes(error);
    return name === "States.ALL";
  });
}
