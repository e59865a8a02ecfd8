/** What an evaluation of stored answers or of a model leaves: answers, judgements, scores by item, figures. */
import { z } from "zod";
import { Estimate } from "./metrics.ts";

export const BenchName = z.enum(["object-halbench", "mmhal", "refomb", "amber", "pope", "scenes"]);
export type BenchName = z.infer<typeof BenchName>;

/** `parity`: exactly the original's arithmetic, its faults too; `strict`: ours, where missing is missing. */
export const EvaluationMode = z.enum(["strict", "parity"]);
export type EvaluationMode = z.infer<typeof EvaluationMode>;

/** One answer of the evaluated model. `text` is null where none came: it is missing, in no figure, and counted. */
export const EvaluationAnswer = z.strictObject({
  itemId: z.string(),
  text: z.string().nullable(),
  /** p(yes) and p(no) of a yes/no bench that asks by logprobs; all spellings summed. */
  pYes: z.number().min(0).max(1).optional(),
  pNo: z.number().min(0).max(1).optional(),
});
export type EvaluationAnswer = z.infer<typeof EvaluationAnswer>;

/** One call of a judge or extractor, as it was asked and answered. Scores are computed from these alone. */
export const JudgeCall = z.strictObject({
  itemId: z.string(),
  /** What was asked: `rate`, `extract`, `compare`, `compare_swapped`, `hallucination`, … */
  kind: z.string(),
  /** From 0. */
  repetition: z.int().min(0),
  /** SHA-256 of the answer that was judged: a stored reply about another text is refused. */
  answerHash: z.string(),
  model: z.string(),
  revision: z.string(),
  temperature: z.number(),
  /** SHA-256 of the prompt template, without the item's own words. */
  promptHash: z.string(),
  /** The raw reply; null where the request failed, and `failure` says why. */
  reply: z.string().nullable(),
  failure: z.string().optional(),
});
export type JudgeCall = z.infer<typeof JudgeCall>;

/** One figure's part of one item: the figure is Σ top / Σ bottom. */
export const Part = z.strictObject({ top: z.number(), bottom: z.number().min(0) });

/** One item with what its answer contributes; `cluster` is what bootstrap resamples: the image. */
export const ItemScore = z.strictObject({
  itemId: z.string(),
  cluster: z.string(),
  /** E.g. the question type: figures are told for each, too. */
  groups: z.array(z.string()),
  missing: z.boolean(),
  parts: z.record(z.string(), Part),
  /** What a person needs to check the score: words found, the judge's words, … Plain JSON. */
  detail: z.record(z.string(), z.unknown()),
});
export type ItemScore = z.infer<typeof ItemScore>;

/** A figure of a bench, as tables and gates name it. */
export const FigureInfo = z.strictObject({
  name: z.string(),
  /** `share` lies in 0..1; `mean` is any number. */
  kind: z.enum(["share", "mean"]),
  better: z.enum(["lower", "higher", "neither"]),
  /** One sentence: of what, and the original's key or the paper's name for it. */
  meaning: z.string(),
});
export type FigureInfo = z.infer<typeof FigureInfo>;

export const EvaluationResult = z.strictObject({
  schema: z.literal("rlaifv-evaluation/1"),
  bench: BenchName,
  mode: EvaluationMode,
  /** What else decides the numbers, e.g. `extraction: wink`. */
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  /** Where the answers come from. */
  answers: z.strictObject({ source: z.string(), model: z.string().nullable(), revision: z.string().nullable() }),
  judge: z
    .strictObject({
      model: z.string(),
      revision: z.string(),
      temperature: z.number(),
      repetitions: z.int().min(1),
      calls: z.int().min(0),
      failed: z.int().min(0),
      unparsable: z.int().min(0),
    })
    .nullable(),
  items: z.int().min(0),
  missing: z.int().min(0),
  infos: z.array(FigureInfo),
  figures: z.record(z.string(), Estimate),
  /** By group, then by figure. */
  groups: z.record(z.string(), z.record(z.string(), Estimate)),
  /** Standard deviation of a figure over the judge's repetitions; empty with fewer than two. */
  spread: z.record(z.string(), z.number()),
  /** Figures that are no Σ/Σ over items, e.g. position bias; or the original's printed numbers in parity mode. */
  extra: z.record(z.string(), z.number().nullable()),
  /** How this differs from the original, and what was lost on the way. */
  notes: z.array(z.string()),
  /** SHA-256 over items, answers and judge calls: equal digests make equal results. */
  digest: z.string(),
});
export type EvaluationResult = z.infer<typeof EvaluationResult>;
