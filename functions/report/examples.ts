/** The single answers a report shows: what stands in them, what the labelers said and what is true. */
import type { Bench, Subject } from "../../shared/evaluation/bench.ts";
import { drawn, randomFrom, seedFor } from "../../shared/random.ts";
import type { Pair, PairSide } from "../../shared/schemas/pair.ts";
import type { ClaimLabel, Scored, ScoredCandidate, Verdict } from "../../shared/schemas/sample.ts";

export type ExampleClaim = {
  text: string;
  question: string;
  /** Mean over the labelers; null where nobody answered. */
  pYes: number | null;
  verdict: Verdict;
  /** Null where nobody knows. */
  truth: boolean | null;
};
export type ExampleAnswer = {
  text: string;
  claims: ExampleClaim[] /** Why there is no trustworthy claim list. */;
  issue?: string;
};

/** `url` is a data URL (see thumbnail.ts): the page must work without a network. */
export type ExampleImage = { url: string; width: number; height: number };

/** One held-out image with the first sampled answer of each model. */
export type HeldOutExample = {
  sampleId: string;
  question: string;
  image: ExampleImage;
  /** What is in the picture; null where nobody knows. */
  objects: string[] | null;
  base: ExampleAnswer;
  aligned: ExampleAnswer | null;
};

/** One preference pair of one round. */
export type PairExample = {
  pairId: string;
  round: number;
  question: string;
  image: ExampleImage;
  chosen: ExampleAnswer;
  rejected: ExampleAnswer;
};

export type ReportExamples = { heldOut: readonly HeldOutExample[]; pairs: readonly PairExample[] };

function meanYes(labels: readonly (ClaimLabel | null)[]): number | null {
  const known = labels.filter((label) => label !== null);
  return known.length === 0 ? null : known.reduce((total, { pYes }) => total + pYes, 0) / known.length;
}

const truthOf = (bench: Bench | undefined, claim: string, subject: Subject) =>
  bench?.claimTruth?.(claim, subject) ?? null;

function answerOf(bench: Bench | undefined, sample: Scored, candidate: ScoredCandidate): ExampleAnswer {
  const claims = candidate.claims.map(({ text, question, labels, verdict }) => ({
    text,
    question,
    pYes: meanYes(labels),
    verdict,
    truth: truthOf(bench, text, sample),
  }));
  return { text: candidate.text, claims, ...(candidate.unusable === undefined ? {} : { issue: candidate.unusable }) };
}

/** Undefined for a sample that has no answer of the base model. */
export function heldOutExample(
  bench: Bench | undefined,
  models: { base: Scored; aligned: Scored | undefined },
  image: ExampleImage,
): HeldOutExample | undefined {
  const { base, aligned } = models;
  const [first] = base.candidates;
  const [after] = aligned?.candidates ?? [];
  if (first === undefined) return undefined;
  const objects = bench?.truth(base);
  return {
    sampleId: base.sampleId,
    question: base.question,
    image,
    objects: objects === undefined ? null : [...objects],
    base: answerOf(bench, base, first),
    aligned: aligned === undefined || after === undefined ? null : answerOf(bench, aligned, after),
  };
}

function sideOf(bench: Bench | undefined, pair: Pair, side: PairSide): ExampleAnswer {
  const claims = side.claims.map(({ text, question, pYes, verdict }) => ({
    text,
    question,
    pYes,
    verdict,
    truth: truthOf(bench, text, pair),
  }));
  return { text: side.text, claims };
}

export function pairExample(bench: Bench | undefined, pair: Pair, image: ExampleImage): PairExample {
  const { pairId, round, question } = pair;
  const [chosen, rejected] = [sideOf(bench, pair, pair.chosen), sideOf(bench, pair, pair.rejected)];
  return { pairId, round, question, image, chosen, rejected };
}

/** Some of the samples or pairs by seed, not by how well they look. The order of `items` decides: give them sorted. */
export function drawExamples<T>(items: readonly T[], amount: number, runSeed: number): T[] {
  return drawn(items, amount, randomFrom(seedFor(runSeed, "report examples")));
}
