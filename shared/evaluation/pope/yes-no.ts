/** What a model answered to a yes/no question. */
import type { EvaluationAnswer, EvaluationMode } from "../../schemas/evaluation.ts";

export type YesNo = "yes" | "no";
/** `undefined`: the answer says neither. */
export type Read = { said: YesNo | undefined; by: "probabilities" | "text" };

/** Below it "yes" and "no" are afterthoughts of a model that wants to say something else. Our choice. */
const MIN_MASS = 0.5;

const LEADING = /^[^\p{L}\p{N}]*(yes|no)(?![\p{L}\p{N}'’])/iu;
/** "Yes and no", "yes/no", "no or yes" say both; "Yes, no doubt" does not. */
const BETWEEN = "(?:\\s*\\/\\s*|\\s+(?:or|and)\\s+)";
const BOTH = new RegExp(`^[^\\p{L}\\p{N}]*(?:yes${BETWEEN}no|no${BETWEEN}yes)(?![\\p{L}\\p{N}])`, "iu");

/** The word the answer begins with, in any case and within quotes or markup; any other answer is undecidable. */
export function leadingYesNo(text: string): YesNo | undefined {
  if (BOTH.test(text)) return undefined;
  return LEADING.exec(text)?.[1]?.toLowerCase() as YesNo | undefined;
}

/**
 * The rule of POPE's evaluate.py (github.com/AoiDragon/POPE): of the text before the first full stop, without commas,
 * split at single spaces: "no" if a piece is exactly `No`, `no` or `not`; every other answer is "yes", an empty one too.
 */
export function popeYesNo(text: string): YesNo {
  const words = (text.split(".")[0] ?? "").replaceAll(",", "").split(" ");
  return words.some((word) => word === "No" || word === "no" || word === "not") ? "no" : "yes";
}

/** By the larger probability where yes and no have half of the mass and differ, else by the word the text begins with. */
export function readYesNo({ text, pYes, pNo }: EvaluationAnswer): Read {
  if (pYes !== undefined && pNo !== undefined && pYes + pNo >= MIN_MASS && pYes !== pNo) {
    return { said: pYes > pNo ? "yes" : "no", by: "probabilities" };
  }
  return { said: leadingYesNo(text ?? ""), by: "text" };
}

/** How an original script reads a text. */
export type ParityRule = (text: string) => YesNo | undefined;

/** Parity reads nothing but the text, as the originals do. */
export const readAs = (answer: EvaluationAnswer, mode: EvaluationMode, parity: ParityRule): Read =>
  mode === "parity" ? { said: parity(answer.text ?? ""), by: "text" } : readYesNo(answer);

type Parts = Record<"accuracy" | "precision" | "recall" | "f1", { top: number; bottom: number }>;

/**
 * What one answer adds to the four figures of a yes/no test. F1 = 2·TP / (said positive + is positive), which is the
 * harmonic mean of precision and recall and sums over items.
 * @param positive the class that precision and recall are about
 */
export function yesNoParts(said: YesNo | undefined, truth: YesNo, positive: YesNo): Parts {
  const [isSaid, isTrue] = [Number(said === positive), Number(truth === positive)];
  const hit = isSaid * isTrue;
  return {
    accuracy: { top: Number(said === truth), bottom: 1 },
    precision: { top: hit, bottom: isSaid },
    recall: { top: hit, bottom: isTrue },
    f1: { top: 2 * hit, bottom: isSaid + isTrue },
  };
}
