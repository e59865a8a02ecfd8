/** The Parallel state: every branch with the same input, all outputs in the branches' order. */
import type { Json } from "../../../shared/ports/orchestrator.ts";
import type { Branch, Move } from "./branch.ts";
import { runChildren } from "./children.ts";
import type { ParallelState } from "./definition.ts";
import { StatesError } from "./errors.ts";
import { fill } from "./expressions.ts";
import { withinPayload } from "./limits.ts";
import type { FrameEnd } from "./store.ts";

/** The first branch that fails fails the state with its own error and interrupts the others. */
export async function performParallel(branch: Branch, state: ParallelState): Promise<Move> {
  const input = state.Arguments === undefined ? branch.frame.input : await fill(state.Arguments, branch.scope());
  withinPayload(input, `the Arguments of "${branch.frame.state}"`);
  branch.record([{ type: "ParallelStateStarted" }]);
  const outputs: Json[] = [];
  let failure: (FrameEnd & { ok: false }) | undefined;
  await runChildren(branch, {
    count: state.Branches.length,
    concurrency: state.Branches.length,
    start: async (number) => ({ machine: state.Branches[number]!, input, distributed: false }),
    ended: (number, end) => {
      if (end.ok) outputs[number] = end.output;
      else failure ??= end;
      return end.ok ? "go on" : "stop";
    },
  });
  if (failure !== undefined) throw new StatesError(failure.error, failure.cause);
  return branch.finish(state, withinPayload(outputs, `the result of "${branch.frame.state}"`));
}
