import type { SampleState } from "../schemas/rows.ts";

/** The life of a sample: where it may go from each state. No successor means final. */
export const NEXT_SAMPLE_STATES = {
  submitted: ["generated", "parked"],
  generated: ["divided", "parked"],
  divided: ["questioned", "parked"],
  questioned: ["scored", "parked"],
  scored: ["paired", "unpaired", "parked"],
  paired: [],
  unpaired: [],
  parked: [],
} as const satisfies Record<SampleState, readonly SampleState[]>;

/** A sample in `from` may become `to`; staying is not a move. */
export function maySampleMove(from: SampleState, to: SampleState): boolean {
  return (NEXT_SAMPLE_STATES[from] as readonly SampleState[]).includes(to);
}
