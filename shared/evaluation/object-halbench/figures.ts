/** What Object HalBench tells: one item's part of each figure, and the original's numbers from the sums. */
import type { FigureInfo, ItemScore } from "../../schemas/evaluation.ts";
import type { Ratio } from "../bootstrap.ts";
import type { ChairAnswer } from "../chair.ts";

export const OBJECT_HALBENCH_FIGURES: readonly FigureInfo[] = [
  {
    name: "response_hallucination",
    kind: "share",
    better: "lower",
    meaning:
      'Answers naming an object that is not there, of the answers naming any ("CHAIRs_refine", the paper\'s Rsp.).',
  },
  {
    name: "response_hallucination_all",
    kind: "share",
    better: "lower",
    meaning: 'The same, of all answers ("CHAIRs").',
  },
  {
    name: "mention_hallucination",
    kind: "share",
    better: "lower",
    meaning: 'Object words whose class is not there, of all object words ("CHAIRi", the paper\'s Men.).',
  },
  {
    name: "recall",
    kind: "share",
    better: "higher",
    meaning: 'Classes named, of the classes that are there ("obj_rec").',
  },
  {
    name: "response_correct",
    kind: "share",
    better: "higher",
    meaning: '1 − response_hallucination ("correct_rate").',
  },
  {
    name: "mention_correct",
    kind: "share",
    better: "higher",
    meaning: '1 − mention_hallucination ("object_correct_rate").',
  },
  {
    name: "coverage",
    kind: "share",
    better: "higher",
    meaning: "Answers that name any object, of all answers (coco_sentence_num ÷ sentence_num).",
  },
  { name: "mentions", kind: "mean", better: "neither", meaning: "Mean object words of an answer." },
  { name: "words", kind: "mean", better: "neither", meaning: 'Mean words of an answer ("avg_word_len").' },
];

const ratio = (top: number, bottom: number): Ratio => ({ top, bottom });

/** One answer's part of every figure. */
export function chairParts({ mentioned, hallucinated, correct, truthSize }: ChairAnswer, words: number) {
  const [any, wrong] = [Number(mentioned.length > 0), Number(hallucinated.length > 0)];
  return {
    response_hallucination: ratio(wrong, any),
    response_hallucination_all: ratio(wrong, 1),
    mention_hallucination: ratio(hallucinated.length, mentioned.length),
    recall: ratio(correct.size, truthSize),
    response_correct: ratio(any - wrong, any),
    mention_correct: ratio(mentioned.length - hallucinated.length, mentioned.length),
    coverage: ratio(any, 1),
    mentions: ratio(mentioned.length, 1),
    words: ratio(words, 1),
  };
}

type Parts = Record<string, Ratio>;

/** The mean of several readings of one answer, part by part. */
export function meanParts(readings: readonly Parts[]): Parts {
  const [first] = readings;
  const mean = (name: string, side: "top" | "bottom") =>
    readings.reduce((sum, parts) => sum + (parts[name]?.[side] ?? 0), 0) / readings.length;
  return Object.fromEntries(
    Object.keys(first ?? {}).map((name) => [name, ratio(mean(name, "top"), mean(name, "bottom"))]),
  );
}

const quotient = ({ top, bottom }: Ratio) => (bottom === 0 ? null : top / bottom);

/** Harmonic mean of mention_correct and recall over all items: RLAIF-V's script computes it and never prints it. */
export function objectF1(scores: readonly ItemScore[]): number | null {
  const precision = quotient(total(scores, "mention_correct"));
  const recall = quotient(total(scores, "recall"));
  if (precision === null || recall === null) return null;
  return precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);
}

/** The keys of RLAIF-V's result file, unrounded. */
export function originalNumbers(scores: readonly ItemScore[]): Record<string, number | null> {
  const of = (name: string) => total(scores, name);
  return {
    CHAIRs: quotient(of("response_hallucination_all")),
    CHAIRs_refine: quotient(of("response_hallucination")),
    CHAIRi: quotient(of("mention_hallucination")),
    obj_rec: quotient(of("recall")),
    sentence_num: of("words").bottom,
    coco_sentence_num: of("response_hallucination").bottom,
    coco_word_count: of("recall").top,
    gt_word_count: of("recall").bottom,
    avg_word_len: quotient(of("words")),
    correct_rate: quotient(of("response_correct")),
    object_correct_rate: quotient(of("mention_correct")),
  };
}

function total(scores: readonly ItemScore[], name: string): Ratio {
  const parts = scores.flatMap((score) => score.parts[name] ?? []);
  const sum = (side: "top" | "bottom") => parts.reduce((all, part) => all + part[side], 0);
  return ratio(sum("top"), sum("bottom"));
}
