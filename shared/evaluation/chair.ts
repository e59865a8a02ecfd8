/**
 * CHAIR (Rohrbach et al. 2018) as RLAIF-V's Object HalBench computes it: which objects an answer names that are not in
 * the picture. Golden numbers: `chair` of RLAIF-V's eval_gpt_obj_halbench.py (rlaifv-spec §4.1).
 */
import type { Mention } from "./bench.ts";

/** One answer about one image. `truth`: the classes that are in the picture. `words`: the answer's length. */
export type ChairCase = { mentions: readonly Mention[]; truth: ReadonlySet<string>; words: number };

/** Words are listed once each, in the order of the answer; two words for one class are two mentions. */
export type ChairAnswer = { mentioned: string[]; hallucinated: string[]; correct: Set<string>; truthSize: number };

/** Names in brackets: the keys of RLAIF-V's result file. Shares are null where nothing was there to be counted. */
export type ChairReport = {
  /** Answers with a hallucinated object, of all (`CHAIRs`). */
  responseHallucinationAll: number | null;
  /** The same, of the answers that name any object: the paper's "Rsp." (`CHAIRs_refine`). */
  responseHallucination: number | null;
  /** Hallucinated mentions, of all mentions: the paper's "Ment." (`CHAIRi`). */
  mentionHallucination: number | null;
  /** Distinct correct classes, of the classes that are there (`obj_rec`). */
  recall: number | null;
  /** 1 − responseHallucination (`correct_rate`). */
  responseCorrect: number | null;
  /** 1 − mentionHallucination (`object_correct_rate`). */
  mentionCorrect: number | null;
  /** Harmonic mean of mentionCorrect and recall (computed by RLAIF-V, never printed). */
  objectF1: number | null;
  /** Mean words of an answer (`avg_word_len`). */
  words: number | null;
  /** `sentence_num`. */
  answers: number;
  /** Answers that name any object (`coco_sentence_num`). */
  answersWithMentions: number;
  mentions: number;
  /** Distinct correct classes, summed over answers (`coco_word_count`, whose name misleads). */
  correct: number;
  /** Classes that are there, summed over answers (`gt_word_count`). */
  truth: number;
};

/** One answer: its distinct object words, those of them that are not in the picture, and the classes it got right. */
export function chairAnswer({ mentions, truth }: Pick<ChairCase, "mentions" | "truth">): ChairAnswer {
  const objectOf = new Map(mentions.map(({ word, object }) => [word, object]));
  const hallucinated = [...objectOf].filter(([, object]) => !truth.has(object)).map(([word]) => word);
  const correct = new Set([...objectOf.values()].filter((object) => truth.has(object)));
  return { mentioned: [...objectOf.keys()], hallucinated, correct, truthSize: truth.size };
}

const share = (part: number, whole: number) => (whole === 0 ? null : part / whole);
const rest = (value: number | null) => (value === null ? null : 1 - value);

/** All answers together. The order of answers and of mentions changes nothing. */
export function chair(cases: readonly ChairCase[]): ChairReport {
  const answers = cases.map(chairAnswer);
  const sum = (count: (answer: ChairAnswer) => number) => answers.reduce((total, answer) => total + count(answer), 0);
  const hallucinating = sum((answer) => Number(answer.hallucinated.length > 0));
  const answersWithMentions = sum((answer) => Number(answer.mentioned.length > 0));
  const mentions = sum((answer) => answer.mentioned.length);
  const correct = sum((answer) => answer.correct.size);
  const truth = sum((answer) => answer.truthSize);
  const responseHallucination = share(hallucinating, answersWithMentions);
  const mentionHallucination = share(
    sum((answer) => answer.hallucinated.length),
    mentions,
  );
  const recall = share(correct, truth);
  return {
    responseHallucinationAll: share(hallucinating, cases.length),
    responseHallucination,
    mentionHallucination,
    recall,
    responseCorrect: rest(responseHallucination),
    mentionCorrect: rest(mentionHallucination),
    objectF1: harmonicMean(rest(mentionHallucination), recall),
    words: share(
      cases.reduce((total, { words }) => total + words, 0),
      cases.length,
    ),
    answers: cases.length,
    answersWithMentions,
    mentions,
    correct,
    truth,
  };
}

function harmonicMean(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return null;
  return a + b === 0 ? 0 : (2 * a * b) / (a + b);
}
