/**
 * Every way in which something made on the way does not reach the dataset, by name. A loss is counted where it
 * happens and shown in the report: nothing is cut silently.
 */
export const LOSSES = {
  failed_request: "requests that ended without a reply after all retries",
  empty_answer: "candidates whose answer was empty",
  cut_answer: "candidates cut at max_tokens (kept, and divided as far as they go)",
  no_claims: "candidates in which the divider found no claim",
  cut_claim_list: "claim or question lists cut at max_tokens even after a retry with twice the room",
  unparsable_claims: "divider or questioner replies that hold no list",
  claim_question_mismatch: "candidates whose number of questions is not their number of claims",
  repeated_claim: "claims said again in the same answer",
  low_mass: "labels with too little probability on yes and no together",
  abstained: "claims on which the labelers abstained",
  tie: "claims with p_yes equal to p_no",
  failed_label: "claim questions that a labeler did not answer",
  cost_above_bound: "millionths of a USD that requests cost above the upper bound reserved for them",
} as const;

export type LossName = keyof typeof LOSSES;
export type Losses = Partial<Record<LossName, number>>;

/** Sums counters name by name. */
export function addLosses(...parts: readonly Losses[]): Losses {
  const total: Losses = {};
  for (const part of parts) {
    for (const [name, count] of Object.entries(part)) {
      if (count) total[name as LossName] = (total[name as LossName] ?? 0) + count;
    }
  }
  return total;
}
