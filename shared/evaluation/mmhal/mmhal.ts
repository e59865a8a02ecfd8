/**
 * MMHal-Bench (Sun et al. 2023) with any judge: 96 questions of eight types, each answer rated 0..6. `strict` reads
 * unusable replies as missing; `parity` repeats RLAIF-V's arithmetic (eval_gpt_mmhal.py, summarize_gpt_mmhal_review.py).
 */
import { seedFor } from "../../random.ts";
import type { EvaluationMode, FigureInfo, ItemScore, JudgeCall } from "../../schemas/evaluation.ts";
import { wordCount } from "../../stages/text.ts";
import type { EvaluationBench, EvaluationItem, JudgeAsk, JudgeOptions } from "../evaluation.ts";
import { rateFormat, ratePrompt, ratePromptHash } from "./prompt.ts";
import { parityRating, type Rating, strictRating } from "./replies.ts";

/** In the order of the file: an item's type is its index modulo 8. */
export const MMHAL_TYPES = [
  "attribute",
  "adversarial",
  "comparison",
  "counting",
  "relation",
  "environment",
  "holistic",
  "other",
] as const;

export const MMHAL_ITEMS = 96;

export type MmhalItem = EvaluationItem & {
  /** From 0, the item's place in the official file. */
  index: number;
  topic: string;
  /** Where the official picture lies. */
  imageUrl: string;
  contents: readonly string[];
  /** The person's answer. */
  reference: string;
};

/** `mmhal-07`: sorts in the order of the file. */
export const mmhalItemId = (index: number): string => `mmhal-${String(index).padStart(2, "0")}`;

export const mmhalType = (index: number): string => MMHAL_TYPES[index % MMHAL_TYPES.length] ?? "other";

/** A rating below 3 says that there is a hallucination. */
export const isHallucination = (rating: number): boolean => rating < 3;

/** 0..1 whatever the hallucination says: ratings 0..2 and 3..5 run through the same three steps, and 6 is above them. */
export const informativeness = (rating: number): number => (rating >= 3 ? rating - 3 : rating) / 3;

const FIGURES: FigureInfo[] = [
  {
    name: "hallucination",
    kind: "share",
    better: "lower",
    meaning: 'Ratings below 3, of the usable ratings of an answer, averaged over answers ("Hallucination rate").',
  },
  { name: "score", kind: "mean", better: "higher", meaning: 'Mean rating, 0..6 ("Average score").' },
  {
    name: "informativeness",
    kind: "share",
    better: "higher",
    meaning: 'Rating − 3 from 3 on, else the rating, divided by 3 ("Informativeness", there ×100).',
  },
  { name: "words", kind: "mean", better: "neither", meaning: "Words of an answer." },
  {
    name: "rated",
    kind: "share",
    better: "higher",
    meaning: "Coverage: answers with a usable rating, of all answers.",
  },
];

const KIND = "rate";

/** Answers of some models begin with their own name in the conversation, which RLAIF-V removes. */
const withoutRole = (text: string) => text.replaceAll("Assistant:", "").trim();

function asks(item: MmhalItem, text: string, options: JudgeOptions): JudgeAsk[] {
  const promptHash = ratePromptHash(options.structuredOutput);
  const content = ratePrompt({ ...item, answer: withoutRole(text) }, options.structuredOutput);
  return Array.from({ length: options.repetitions }, (_, repetition) => ({
    itemId: item.itemId,
    kind: KIND,
    repetition,
    promptHash,
    body: {
      messages: [{ role: "user", content }],
      temperature: options.temperature,
      max_tokens: 1024, // our choice: the original's 512 cuts long explanations before the rating
      seed: seedFor("mmhal", item.itemId, repetition),
      ...rateFormat(options.structuredOutput),
    },
  }));
}

/** By repetition; failed calls have no rating in either mode. */
function ratingsOf(calls: readonly JudgeCall[], mode: EvaluationMode): Rating[] {
  const read = mode === "parity" ? parityRating : strictRating;
  return calls
    .filter(({ kind }) => kind === KIND)
    .toSorted((a, b) => a.repetition - b.repetition)
    .map(({ reply }) => (reply === null ? null : read(reply)));
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function score(item: MmhalItem, text: string | null, calls: readonly JudgeCall[], mode: EvaluationMode): ItemScore {
  const ratings = ratingsOf(calls, mode);
  const usable = ratings.filter((rating) => rating !== null);
  const words = text === null ? {} : { words: { top: wordCount(text), bottom: 1 } };
  const rated = { top: usable.length === 0 ? 0 : 1, bottom: 1 };
  const base = { itemId: item.itemId, cluster: item.image, groups: [mmhalType(item.index)], detail: { ratings } };
  if (usable.length === 0) return { ...base, missing: true, parts: { ...words, rated } };
  const parts = {
    hallucination: { top: mean(usable.map((rating) => Number(isHallucination(rating)))), bottom: 1 },
    score: { top: mean(usable), bottom: 1 },
    informativeness: { top: mean(usable.map(informativeness)), bottom: 1 },
    ...words,
    rated,
  };
  return { ...base, missing: false, parts };
}

/** Standard deviation (n − 1) of each answer's ratings, averaged over the answers that have two. */
function ratingSpread(scores: readonly ItemScore[]): number | null {
  const deviations = scores.flatMap(({ detail }) => {
    const all = Array.isArray(detail["ratings"]) ? detail["ratings"] : [];
    const ratings = all.filter((rating): rating is number => typeof rating === "number");
    if (ratings.length < 2) return [];
    const centre = mean(ratings);
    return [Math.sqrt(ratings.reduce((sum, rating) => sum + (rating - centre) ** 2, 0) / (ratings.length - 1))];
  });
  return deviations.length === 0 ? null : mean(deviations);
}

const average = (scores: readonly ItemScore[], figure: string): number | null => {
  const tops = scores.flatMap(({ parts }) => parts[figure]?.top ?? []);
  return tops.length === 0 ? null : mean(tops);
};

/** What the original prints, in its units: the hallucination rate 0..1, informativeness in percent. */
function printed(scores: readonly ItemScore[]): Record<string, number | null> {
  const informative = average(scores, "informativeness");
  const perType = MMHAL_TYPES.map((type): [string, number | null] => [
    `average_${type}`,
    average(
      scores.filter(({ groups }) => groups.includes(type)),
      "score",
    ),
  ]);
  return {
    average: average(scores, "score"),
    hallucination_rate: average(scores, "hallucination"),
    informativeness_percent: informative === null ? null : informative * 100,
    ...Object.fromEntries(perType),
  };
}

const NOTES = {
  strict: [
    "The judge's words and examples are ours; the scale 0..6 is MMHal-Bench's. Numbers of other judges do not compare.",
    "A reply without exactly one rating is missing and in no figure; the original counts it as 0, a hallucination.",
    "Ratings are averaged over the judge's repetitions, and hallucination is the share of ratings below 3; the original asks once.",
  ],
  parity: [
    "Read as RLAIF-V reads replies: a reply with no rating or several counts as 0, a hallucination; items without a reply are left out.",
  ],
};

/** The bench; answers are rated by whoever `judge` asks, each repetition by itself. */
export function mmhal(): EvaluationBench<MmhalItem> {
  return {
    name: "mmhal",
    figures: FIGURES,
    ask: (item) => ({
      messages: [
        {
          role: "user",
          content: [
            { type: "image_url", image_url: { url: `blob:${item.image}` } },
            { type: "text", text: item.question },
          ],
        },
      ],
      temperature: 0, // rlaifv-spec §4: temperature 0, at most 1024 new tokens
      max_tokens: 1024,
    }),
    judge: (item, { text }, options) => (text === null ? [] : asks(item, text, options)),
    score: (item, { text }, calls, mode) => score(item, text, calls, mode),
    extra: (scores, mode) => (mode === "parity" ? printed(scores) : { rating_deviation: ratingSpread(scores) }),
    unparsable: (_, calls) =>
      calls.filter(({ kind, reply }) => kind === KIND && reply !== null && strictRating(reply) === null).length,
    notes: (mode) => NOTES[mode],
  };
}
