/** The figures of one model on one set of samples. A figure that cannot be measured is null, never 0 and never NaN. */
import { z } from "zod";

/** `n`: how many things the value is a share or a mean of (its denominator), summed over all answers. */
export const Estimate = z.strictObject({
  value: z.number().nullable(),
  /** Percentile bootstrap over images; holds the value. */
  ci: z.tuple([z.number(), z.number()]).nullable(),
  n: z.number().min(0),
});
export type Estimate = z.infer<typeof Estimate>;

/** The difference b − a of two models on the same images; `p` is two-sided, of "no difference". */
export const Difference = z.strictObject({
  value: z.number().nullable(),
  ci: z.tuple([z.number(), z.number()]).nullable(),
  p: z.number().min(0).max(1).nullable(),
});
export type Difference = z.infer<typeof Difference>;

/** Every figure is a share in 0..1 but those that say "mean". */
export const Figures = z.strictObject({
  /** Answers naming an object that is not there, of the answers naming any object: the paper's "Rsp." (rlaifv-spec §4.1, CHAIRs_refine). */
  response_hallucination: Estimate,
  /** The same, of all answers (CHAIRs). */
  response_hallucination_all: Estimate,
  /** Objects named that are not there, of the objects named: the paper's "Ment." (CHAIRi). */
  mention_hallucination: Estimate,
  /** Objects named that are there, of the objects that are there (obj_rec). */
  recall: Estimate,
  /** Mean words of an answer. */
  words: Estimate,
  /** Mean sentences of an answer. */
  sentences: Estimate,
  /** Sentences outside the bench's grammar. */
  malformed: Estimate,
  /** Sentences that repeat an earlier one of the same answer. */
  duplicates: Estimate,
  /** Mean claims of an answer, of the answers with a trustworthy claim list. */
  claims: Estimate,
  /** Mean different true claims of an answer: falls when a model says less, rises when it says more that is right. */
  true_claims: Estimate,
  /** Claims that are false by the ground truth. */
  claim_error: Estimate,
  /** Claims that the labelers rejected; needs no ground truth. */
  rejected_claims: Estimate,
  /** Claims on which the labelers abstained. */
  abstained_claims: Estimate,
  /** Verdicts equal to the truth, of the claims with both; abstentions do not count. */
  labeler_agreement: Estimate,
  /** False claims that were rejected, of the false claims; an abstention is a miss. */
  labeler_catch_rate: Estimate,
  /** True claims that were rejected, of the true claims. */
  labeler_false_rejections: Estimate,
});
export type Figures = z.infer<typeof Figures>;
export type FigureName = keyof Figures;
export const FIGURES = Object.keys(Figures.shape) as FigureName[];

/** Figures of one benchmark alone, under its own names; a run by another one does not have them. */
export const BenchFigures = z.strictObject({
  /** AMBER's CHAIR: objects named that are not there, of the objects named; `mention_hallucination` is the same. */
  chair: Estimate,
  /** AMBER's Cover: annotated objects named, of the annotated ones; `recall` is the same. */
  cover: Estimate,
  /** AMBER's Hal: answers naming an object that is not there, of all; `response_hallucination_all` is the same. */
  hal: Estimate,
  /** AMBER's Cog: objects named that are annotated as likely to be imagined, of the objects named. */
  cog: Estimate,
});
export type BenchFigureName = keyof z.infer<typeof BenchFigures>;
export const BENCH_FIGURES = Object.keys(BenchFigures.shape) as BenchFigureName[];

export const MetricSet = Figures.extend({
  ...BenchFigures.partial().shape,
  samples: z.int().min(0),
  /** Different images: the number of clusters behind every interval. */
  images: z.int().min(0),
  answers: z.int().min(0),
  /** Answers that never came; they are in no figure. */
  missing_answers: z.int().min(0),
});
export type MetricSet = z.infer<typeof MetricSet>;

/** Figures of sampled answers, with those of greedy decoding beside them where it was run. */
export const Metrics = MetricSet.extend({ greedy: MetricSet.nullable() });
export type Metrics = z.infer<typeof Metrics>;
