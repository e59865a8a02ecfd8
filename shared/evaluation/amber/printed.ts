/** The numbers that AMBER's inference.py prints, to its last digit: in percent, rounded to one decimal. */
import type { ItemScore } from "../../schemas/evaluation.ts";

/** metrics.txt starts every denominator there, against division by zero. */
const START = 0.001;
/** Added to the denominator of F1, for existence ten times as much. */
const F1_START = 0.0001;
const F1_START_EXISTENCE = 0.001;

/** Python's round(value, 1): exact ties go to the even digit, where toFixed goes up. */
export function round1(value: number): number {
  const isTie = Number.isInteger(value * 4) && !Number.isInteger(value * 2);
  if (!isTie) return Number(value.toFixed(1));
  const below = Math.floor(value * 10);
  return (below % 2 === 0 ? below : below + 1) / 10;
}

const part = (scores: readonly ItemScore[], name: string, side: "top" | "bottom") =>
  scores.reduce((sum, { parts }) => sum + (parts[name]?.[side] ?? 0), 0);

const percent = (scores: readonly ItemScore[], name: string) =>
  round1((part(scores, name, "top") / (part(scores, name, "bottom") + START)) * 100);

function generative(scores: readonly ItemScore[]): Record<string, number> {
  const answers = part(scores, "hal", "bottom");
  const right = answers - part(scores, "hal", "top");
  return {
    CHAIR: percent(scores, "chair"),
    Cover: percent(scores, "cover"),
    Hal: round1(100 - (right / (answers + START)) * 100),
    Cog: percent(scores, "cog_targets"),
  };
}

function discriminative(name: string, scores: readonly ItemScore[]): Record<string, number> {
  const [precision, recall] = [percent(scores, "precision"), percent(scores, "recall")];
  const start = name === "existence" ? F1_START_EXISTENCE : F1_START;
  const f1 = round1(((2 * (precision / 100) * (recall / 100)) / (precision / 100 + recall / 100 + start)) * 100);
  return {
    [`${name}: Accuracy`]: percent(scores, "accuracy"),
    [`${name}: Precision`]: precision,
    [`${name}: Recall`]: recall,
    [`${name}: F1`]: f1,
  };
}

/** For the generative task, for all questions (`discriminative: …`), and for each kind of question that was answered. */
export function amberPrinted(scores: readonly ItemScore[]): Record<string, number> {
  const answered = scores.filter(({ missing }) => !missing);
  const groups = [...new Set(answered.flatMap((score) => score.groups))].sort();
  const members = (group: string) => answered.filter((score) => score.groups.includes(group));
  const questions = groups.filter((group) => group !== "generative");
  return Object.assign(
    {},
    groups.includes("generative") ? generative(members("generative")) : {},
    ...questions.map((group) => discriminative(group, members(group))),
  );
}
