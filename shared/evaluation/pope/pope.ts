/**
 * POPE (Li et al. 2023, "Evaluating Object Hallucination in Large Vision-Language Models"): is an object in the picture?
 * The objects that are not there are drawn at random, among the most frequent ones, or among those that often appear
 * with what is there. "yes" is the positive class.
 */
import type { EvaluationAnswer, EvaluationMode, FigureInfo, ItemScore } from "../../schemas/evaluation.ts";
import type { EvaluationBench, EvaluationItem } from "../evaluation.ts";
import { popeYesNo, readAs, type YesNo, yesNoParts } from "./yes-no.ts";

/** `setting`: random, popular, adversarial, or the name of another question file. */
export type PopeItem = EvaluationItem & { label: YesNo; setting: string };

const FIGURES: readonly FigureInfo[] = [
  { name: "accuracy", kind: "share", better: "higher", meaning: "Right answers, of the answers (Accuracy)" },
  { name: "precision", kind: "share", better: "higher", meaning: "Right, of the answers that say yes (Precision)" },
  { name: "recall", kind: "share", better: "higher", meaning: "Answered with yes, of the objects there (Recall)" },
  { name: "f1", kind: "share", better: "higher", meaning: "Harmonic mean of precision and recall (F1 score)" },
  { name: "yes_ratio", kind: "share", better: "neither", meaning: "Answers that say yes, of the answers (Yes ratio)" },
  { name: "undecided", kind: "share", better: "lower", meaning: "Answers that say neither yes nor no, of the answers" },
];

/** Room for "Yes, there is a …": the first token decides, the words are kept for the reader. Our choice. */
const MAX_TOKENS = 32;

/** A yes/no question about an image, with the probabilities of the first token. */
export const askYesNo = ({ image, question }: EvaluationItem) => ({
  messages: [
    {
      role: "user" as const,
      content: [
        { type: "image_url" as const, image_url: { url: `blob:${image}` } },
        { type: "text" as const, text: question },
      ],
    },
  ],
  temperature: 0,
  max_tokens: MAX_TOKENS,
  logprobs: true,
  top_logprobs: 20, // the most that the OpenAI API gives
});

function score(item: PopeItem, answer: EvaluationAnswer, mode: EvaluationMode): ItemScore {
  const base = { itemId: item.itemId, cluster: item.image, groups: [`setting: ${item.setting}`] };
  if (answer.text === null) return { ...base, missing: true, parts: {}, detail: {} };
  const { said, by } = readAs(answer, mode, popeYesNo);
  const detail = { setting: item.setting, label: item.label, said: said ?? null, read_by: by };
  if (said === undefined) return { ...base, missing: true, parts: { undecided: { top: 1, bottom: 1 } }, detail };
  const parts = {
    ...yesNoParts(said, item.label, "yes"),
    yes_ratio: { top: Number(said === "yes"), bottom: 1 },
    undecided: { top: 0, bottom: 1 },
  };
  return { ...base, missing: false, parts, detail };
}

function printed(scores: readonly ItemScore[]): Record<string, number | null> {
  const quotient = (figure: string) => {
    const [top, bottom] = (["top", "bottom"] as const).map((side) =>
      scores.reduce((sum, { parts }) => sum + (parts[figure]?.[side] ?? 0), 0),
    ) as [number, number];
    return bottom === 0 ? null : top / bottom;
  };
  const [precision, recall] = [quotient("precision"), quotient("recall")];
  const f1 = precision && recall ? (2 * precision * recall) / (precision + recall) : null;
  return {
    Accuracy: quotient("accuracy"),
    Precision: precision,
    Recall: recall,
    "F1 score": f1,
    "Yes ratio": quotient("yes_ratio"),
  };
}

/** What evaluate.py prints for each question file; null where it would divide by zero. */
function extra(scores: readonly ItemScore[], mode: EvaluationMode): Record<string, number | null> {
  if (mode === "strict") return {};
  const settings = [...new Set(scores.flatMap(({ groups }) => groups))].sort();
  const entries = settings.flatMap((group) => {
    const own = scores.filter(({ groups }) => groups.includes(group));
    const name = group.replace("setting: ", "");
    return Object.entries(printed(own)).map(([figure, value]) => [`${name}: ${figure}`, value] as const);
  });
  return Object.fromEntries(entries);
}

const NOTES: Record<EvaluationMode, string[]> = {
  strict: [
    "Answers are read by the probabilities of yes and no where they were asked for, else by the word the answer begins " +
      "with. The original takes every answer without No, no or not in its first sentence for yes; here an answer that " +
      "says neither is undecided, missing, and counted.",
  ],
  parity: [
    "Answers are read by the original's rule for texts. Answers are found by their question, not by their line; an " +
      "answer that never came is left out, where the original stops.",
  ],
};

export const popeEvaluation: EvaluationBench<PopeItem> = {
  name: "pope",
  figures: FIGURES,
  ask: askYesNo,
  judge: () => [],
  score: (item, answer, _calls, mode) => score(item, answer, mode),
  extra,
  unparsable: () => 0,
  notes: (mode) => NOTES[mode],
};
