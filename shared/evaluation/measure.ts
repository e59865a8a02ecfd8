/** The one door to the figures: scored samples in, metrics out. */
import { seedFor } from "../random.ts";
import {
  BENCH_FIGURES,
  type BenchFigureName,
  FIGURES,
  type FigureName,
  type Figures,
  type MetricSet,
  type Metrics,
} from "../schemas/metrics.ts";
import type { Comparison } from "../schemas/report.ts";
import type { Scored, ScoredCandidate } from "../schemas/sample.ts";
import type { Bench } from "./bench.ts";
import { type BootstrapOptions, bootstrap, pairedDifference } from "./bootstrap.ts";
import { addTallies, type Tally, tallyAnswer } from "./tally.ts";

export type MeasureOptions = BootstrapOptions & {
  /** Answers counted per sample, the first ones; all without it. Two models are comparable at the same number only. */
  answers?: number;
};

/** What 0.95, 1000 resamples and a run's seed make: the same seed for all models, so that their intervals are alike. */
export function measureOptions(
  evaluate: { confidence: number; bootstrapResamples: number; candidates: number },
  runSeed: number,
): MeasureOptions {
  return {
    confidence: evaluate.confidence,
    resamples: evaluate.bootstrapResamples,
    answers: evaluate.candidates,
    seed: seedFor(runSeed, "bootstrap"),
  };
}

const MEANS: ReadonlySet<FigureName> = new Set(["words", "sentences", "claims", "true_claims"]);
const SHARES: ReadonlySet<FigureName | BenchFigureName> = new Set([
  ...FIGURES.filter((name) => !MEANS.has(name)),
  ...BENCH_FIGURES,
]);

/** Those of every run, and the bench's own. */
const figuresOf = (bench: Bench | undefined) => [...FIGURES, ...(bench?.figures ?? [])];

/** A request that failed left no answer: it is missing, not good and not bad. An empty answer is an answer. */
const arrived = (candidate: ScoredCandidate) => candidate.unusable !== "request_failed";
const counted = (sample: Scored, answers?: number) => sample.candidates.slice(0, answers);

/** Per image (by content, in the order of first appearance) the sum over its samples' answers. */
function tallyImages(bench: Bench | undefined, samples: readonly Scored[], answers?: number): Map<string, Tally> {
  const perImage = new Map<string, Tally[]>();
  for (const sample of samples) {
    const tallies = counted(sample, answers)
      .filter(arrived)
      .map((candidate) => tallyAnswer(bench, sample, candidate));
    perImage.set(sample.image.sha256, [...(perImage.get(sample.image.sha256) ?? []), ...tallies]);
  }
  return new Map([...perImage].map(([image, tallies]) => [image, addTallies(tallies, figuresOf(bench))]));
}

/**
 * The figures of one model's answers.
 * @param bench `undefined` where no ground truth is known: words, claims and verdicts are measured, the rest is null
 */
export function measure(bench: Bench | undefined, samples: readonly Scored[], options: MeasureOptions): MetricSet {
  // sorted: the order in which shards come back must not move an interval
  const images = [...tallyImages(bench, samples, options.answers)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, tally]) => tally);
  const candidates = samples.flatMap((sample) => counted(sample, options.answers));
  const answers = candidates.filter(arrived).length;
  return {
    ...(bootstrap(images as Required<Tally>[], figuresOf(bench), options, SHARES) as Figures),
    samples: samples.length,
    images: images.length,
    answers,
    missing_answers: candidates.length - answers,
  };
}

/** Sampled answers with the greedy ones beside them. */
export function measureWithGreedy(
  bench: Bench | undefined,
  passes: { sampled: readonly Scored[]; greedy: readonly Scored[] | undefined },
  options: MeasureOptions,
): Metrics {
  return {
    ...measure(bench, passes.sampled, options),
    greedy: passes.greedy === undefined ? null : measure(bench, passes.greedy, { ...options, answers: 1 }),
  };
}

/** Base against aligned model on the images that both answered; paired by image. */
export function compare(
  bench: Bench | undefined,
  models: { base: readonly Scored[]; aligned: readonly Scored[] },
  options: MeasureOptions,
): Comparison {
  const base = tallyImages(bench, models.base, options.answers);
  const aligned = tallyImages(bench, models.aligned, options.answers);
  const both = [...base.keys()].filter((image) => aligned.has(image)).sort();
  const difference = (name: FigureName) =>
    pairedDifference(
      both.map((image) => base.get(image)![name]),
      both.map((image) => aligned.get(image)![name]),
      options,
    );
  return {
    response_hallucination: difference("response_hallucination"),
    mention_hallucination: difference("mention_hallucination"),
    recall: difference("recall"),
    words: difference("words"),
    malformed: difference("malformed"),
    duplicates: difference("duplicates"),
  };
}
