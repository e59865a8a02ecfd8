import type { RunState } from "../schemas/rows.ts";

/** The life of a run. `failed` and `stopped` runs go on with `resume`: everything finished is kept. */
export const NEXT_RUN_STATES = {
  queued: ["running", "paused", "stopped", "failed"],
  running: ["queued", "paused", "stopped", "finished", "failed"],
  paused: ["queued", "running", "stopped"],
  stopped: ["queued", "running"],
  failed: ["queued", "running"],
  finished: [],
} as const satisfies Record<RunState, readonly RunState[]>;

/** A run in `from` may become `to`; staying is not a move. */
export function mayRunMove(from: RunState, to: RunState): boolean {
  return (NEXT_RUN_STATES[from] as readonly RunState[]).includes(to);
}
