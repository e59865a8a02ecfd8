/**
 * How sure a round's choice is: every compared checkpoint against the base model on the same images of the selection
 * split, by the figures of the rule. It decides nothing: the rule does (select.ts).
 */
import type { Difference } from "../schemas/metrics.ts";
import type { Comparison, SelectionTests } from "../schemas/report.ts";
import { holm } from "./holm.ts";

const TESTED = ["response_hallucination", "recall", "words"] as const;

export type TestedCheckpoint = { checkpoint: string; comparison: Comparison };

/** @param images of the selection split that were compared */
export function selectionTests(checkpoints: readonly TestedCheckpoint[], images: number): SelectionTests {
  const differences = checkpoints.flatMap(({ comparison }) => TESTED.map((name) => comparison[name]));
  const adjusted = holm(differences.map(({ p }) => p));
  const tests = differences.filter(({ p }) => p !== null).length;
  const tested = (difference: Difference, at: number) => ({ ...difference, p_adjusted: adjusted[at]! });
  return {
    against: "base",
    images,
    tests,
    checkpoints: checkpoints.map(({ checkpoint, comparison }, at) => {
      const [hallucination, recall, words] = TESTED.map((name, figure) =>
        tested(comparison[name], at * TESTED.length + figure),
      );
      return { checkpoint, response_hallucination: hallucination!, recall: recall!, words: words! };
    }),
    notes: notesOf(checkpoints.length, tests),
  };
}

function notesOf(checkpoints: number, tests: number): string[] {
  const corrected = `p is corrected (Holm) for ${tests} tests: ${TESTED.length} figures of ${checkpoints} ${checkpoints === 1 ? "checkpoint" : "checkpoints"}, each against the base model on the same images.`;
  if (checkpoints < 2) return [corrected];
  const bias = `The best of ${checkpoints} checkpoints looks better on these images than it is, since luck helped to choose it: its difference is not corrected for that. The reported figures come from images that had no part in the choice.`;
  return [corrected, bias];
}
