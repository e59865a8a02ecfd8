/** The rules of a conditional move, for every StateStore adapter. */
import type { MoveOutcome } from "../../shared/ports/state-store.ts";
import type { SampleMove, SampleState } from "../../shared/schemas/rows.ts";

/**
 * The attempt count after a move: staying in the state is one more failed try; a parked sample keeps its count as
 * evidence; a new state starts from 0.
 */
export function attemptAfter({ from, to, attempt }: SampleMove): number {
  if (to === from) return attempt + 1;
  return to === "parked" ? attempt : 0;
}

/** Why a move did not apply to a row in `state`. */
export function whyNotMoved(state: SampleState | undefined, move: SampleMove): MoveOutcome["outcome"] {
  if (state === undefined) return "unknown_sample";
  return state === move.to ? "already_moved" : "lost_condition";
}
