/**
 * Keeps chosen and rejected answers equally long on average, so that DPO learns truth and not brevity: the score counts
 * rejected claims only, which favours short answers (rlaifv-spec §1.8; golden `length_balance`).
 */
import { wordCount } from "./text.ts";

/** What the balance looks at. */
export type TextPair = { chosen: { text: string }; rejected: { text: string } };

/** `chosen` and `rejected`: words; `same`: the texts differ in nothing but white space around them. */
export type PairLengths = { chosen: number; rejected: number; same: boolean };

/** What one ratio would keep. `objective`: |mean chosen − mean rejected| / mean rejected, null when nothing is kept. */
export type RatioRow = {
  ratio: number;
  kept: number;
  meanChosenWords: number | null;
  meanRejectedWords: number | null;
  objective: number | null;
};

/** `ratio` is null when there is no pair to keep at any ratio. */
export type LengthBalance = { ratio: number | null; table: RatioRow[]; keeps: (pair: PairLengths) => boolean };

/** RLAIF-V's fifty ratios 0.00 … 0.98; the products are rounded as in binary64, which decides at the boundaries. */
export const RATIOS: readonly number[] = Array.from({ length: 50 }, (_, step) => step * 0.02);

/** Words of both sides, and whether their texts are equal but for the white space around them. */
export function lengthsOf(pair: TextPair): PairLengths {
  return {
    chosen: wordCount(pair.chosen.text),
    rejected: wordCount(pair.rejected.text),
    same: pair.chosen.text.trim() === pair.rejected.text.trim(),
  };
}

/**
 * Searches the ratio whose kept pairs have the closest mean lengths; the first of equals wins. A pair is kept when its
 * chosen answer is shorter by at most this share of the rejected one. Ratios that keep nothing, or less than
 * `minRetained` of all pairs with different texts, are passed over; 0 is RLAIF-V's own rule.
 */
export function searchRatio(pairs: readonly PairLengths[], minRetained: number): LengthBalance {
  const different = pairs.filter((pair) => !pair.same);
  const floor = Math.max(1, minRetained * different.length);
  const table = RATIOS.map((ratio) => ratioRow(different, ratio));
  const allowed = table.filter((row) => row.kept >= floor && row.objective !== null);
  // Only pairs whose chosen answer has less than 2 % of the rejected one's words can make the floor unreachable.
  const open = allowed.length > 0 ? allowed : table.filter((row) => row.objective !== null).slice(-1);
  const best = open.reduce<RatioRow | undefined>(
    (leader, row) => (leader === undefined || row.objective! < leader.objective! ? row : leader),
    undefined,
  );
  const ratio = best?.ratio ?? null;
  return { ratio, table, keeps: (pair) => ratio !== null && !pair.same && shortfall(pair) <= ratio };
}

/** By how much the chosen answer is shorter, as a share of the rejected one's words; −∞ for an empty rejected answer. */
function shortfall(pair: PairLengths): number {
  return pair.rejected === 0 ? Number.NEGATIVE_INFINITY : (pair.rejected - pair.chosen) / pair.rejected;
}

function ratioRow(pairs: readonly PairLengths[], ratio: number): RatioRow {
  let kept = 0;
  let chosen = 0;
  let rejected = 0;
  for (const pair of pairs) {
    if (shortfall(pair) > ratio) continue;
    kept++;
    chosen += pair.chosen;
    rejected += pair.rejected;
  }
  if (kept === 0) return { ratio, kept, meanChosenWords: null, meanRejectedWords: null, objective: null };
  const means = { meanChosenWords: chosen / kept, meanRejectedWords: rejected / kept };
  const objective =
    rejected === 0 ? null : Math.abs(means.meanChosenWords - means.meanRejectedWords) / means.meanRejectedWords;
  return { ratio, kept, ...means, objective };
}
