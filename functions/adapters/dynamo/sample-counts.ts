/** How many samples of a pass are in each state, changed in the transactions that change the samples. */
import type { PassId, SampleState } from "../../../shared/schemas/rows.ts";
import { countOf, countsKey } from "./dynamo-keys.ts";
import type { Change } from "./single-writes.ts";

type Pass = { runId: string; passId: PassId };

/** By how much each state's count changes. */
export type Counted = Map<SampleState, number>;

export function add(counted: Counted, state: SampleState, by: number): void {
  counted.set(state, (counted.get(state) ?? 0) + by);
}

/** Writers take the 16 rows of counts in turns, so that they seldom meet. One row may be below zero: the sum is not. */
export function countTurns(random: () => number): (pass: Pass, counted: Counted) => Change[] {
  let turn = Math.floor(random() * 2 ** 16);
  return (pass, counted) => {
    const changed = [...counted].filter(([, by]) => by !== 0);
    if (changed.length === 0) return [];
    const text = changed.map(([state]) => `#${countOf(state)} :${countOf(state)}`).join(", ");
    const values = Object.fromEntries(changed.map(([state, by]) => [countOf(state), by]));
    return [{ key: countsKey(pass, turn++), set: { text: `ADD ${text}`, values } }];
  };
}
