/**
 * RefoMB (RLAIF-V): answers against those of a reference model, judged from a full description of the picture.
 * `strict` averages both orders of the two answers; `parity` asks in one order as eval_RefoMB_p0.py does.
 */

import { sha256Hex } from "../../ids.ts";
import { seedFor } from "../../random.ts";
import type { FigureInfo, JudgeCall } from "../../schemas/evaluation.ts";
import type { EvaluationBench, EvaluationItem, JudgeAsk, JudgeOptions } from "../evaluation.ts";
import { comparePrompt, refombFormat, refombPromptHash, type Task, trustPrompt } from "./prompt.ts";
import { strictVerdict } from "./replies.ts";
import { parityExtra, refombScore, strictExtra } from "./score.ts";

export type RefombItem = EvaluationItem & {
  description: string;
  type: string;
  /** The reference model's answer; null in the official dev file, whose answers lie in a file beside it. */
  reference: string | null;
};

const FIGURES: FigureInfo[] = [
  {
    name: "win",
    kind: "share",
    better: "higher",
    meaning: "(Wins + ties/2) against the reference model's answers, of all comparisons.",
  },
  {
    name: "trustworthiness",
    kind: "share",
    better: "higher",
    meaning: "The same for having fewer hallucinations, read from the review alone.",
  },
  {
    name: "hallucinations",
    kind: "mean",
    better: "lower",
    meaning: "Hallucinations that the judge counts in an answer; from structured replies only.",
  },
  {
    name: "reference_hallucinations",
    kind: "mean",
    better: "neither",
    meaning: "The same for the reference model's answer.",
  },
  { name: "words", kind: "mean", better: "neither", meaning: "Words of an answer." },
  {
    name: "rated",
    kind: "share",
    better: "higher",
    meaning: "Coverage: answers with a usable verdict, of all answers.",
  },
];

/** Both orders; in `compare` the candidate is B. */
export const ORDERS = ["compare", "compare_swapped"] as const;

type Wanted = { itemId: string; kind: string; repetition: number; task: Task; content: string };

function askOf({ itemId, kind, repetition, task, content }: Wanted, options: JudgeOptions): JudgeAsk {
  return {
    itemId,
    kind,
    repetition,
    promptHash: refombPromptHash(task, options.structuredOutput),
    body: {
      messages: [{ role: "user", content }],
      temperature: options.temperature,
      max_tokens: 2048, // rlaifv-spec §4.3
      seed: seedFor("refomb", itemId, kind, repetition),
      ...refombFormat(task, options.structuredOutput),
    },
  };
}

function compareAsks(item: RefombItem, text: string, options: JudgeOptions): JudgeAsk[] {
  const { itemId, description, question, reference } = item;
  if (reference === null) {
    throw new RangeError(
      `item ${itemId}: answer: there is no reference answer; load the reference model's answers, too`,
    );
  }
  const orders = { compare: { a: reference, b: text }, compare_swapped: { a: text, b: reference } };
  return ORDERS.flatMap((kind) => {
    const content = comparePrompt({ description, question, ...orders[kind] }, options.structuredOutput);
    return Array.from({ length: options.repetitions }, (_, repetition) =>
      askOf({ itemId, kind, repetition, task: "compare", content }, options),
    );
  });
}

/** The kind of the second question to a review. */
export const trustKind = (order: string): string => order.replace("compare", "hallucination");

/** One second question for each usable review. */
function trustAsks(item: RefombItem, calls: readonly JudgeCall[], options: JudgeOptions): JudgeAsk[] {
  return calls.flatMap(({ kind, repetition, reply }) => {
    const isReview = ORDERS.some((order) => order === kind);
    if (!isReview || reply === null || strictVerdict(reply, "compare") === null) return [];
    const content = trustPrompt(reply, options.structuredOutput);
    return [askOf({ itemId: item.itemId, kind: trustKind(kind), repetition, task: "hallucination", content }, options)];
  });
}

const taskOf = (kind: string): Task => (kind.startsWith("compare") ? "compare" : "hallucination");

const NOTES = {
  strict: [
    "Every pair is judged in both orders and averaged; the original asks once, the reference model's answer first.",
    "An item needs a usable verdict of both orders, else it is missing; the original asks again without end.",
    "The judge's words are ours; the reference answers are those that were loaded. Numbers of other judges do not compare.",
  ],
  parity: [
    "Read as RLAIF-V reads reviews: one order, the candidate is B, and the first bracket wins; replies without one are left out.",
  ],
};

/** The bench; with both orders of the answers, in strict mode. */
export function refomb(): EvaluationBench<RefombItem> {
  return {
    name: "refomb",
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
    judge: (item, { text }, options) => (text === null ? [] : compareAsks(item, text, options)),
    followUp: trustAsks,
    score: (item, { text }, calls, mode) => refombScore(item, text, calls, mode),
    extra: (scores, mode) => (mode === "parity" ? parityExtra(scores) : strictExtra(scores)),
    unparsable: (_, calls) =>
      calls.filter(({ kind, reply }) => reply !== null && strictVerdict(reply, taskOf(kind)) === null).length,
    notes: (mode) => NOTES[mode],
  };
}

/** Derived from picture and question: the official ids count only within one file. */
export const refombItemId = (image: string, question: string): string =>
  `refomb-${sha256Hex(JSON.stringify([image, question])).slice(0, 16)}`;
