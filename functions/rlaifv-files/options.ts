import { z } from "zod";

/** What `rlaifv pairs` is told. Files are RLAIF-V's own intermediate files (rlaifv-spec §1.0). */
export const RlaifvPairsOptions = z.strictObject({
  /** `….gq.jsonl`: one record per answer with its claims and claim questions. */
  answers: z.string().min(1),
  /** `autocheck…`: one record per judged claim, as JSONL or as one JSON array. */
  labels: z.string().min(1),
  /** Where the pair records go, as JSONL. */
  out: z.string().min(1),
  minGap: z.int().min(1).default(1), // RLAIF-V: diff = 1
  /** Pairs kept for one `ds_question_id` (strict: for one question of it). */
  perQuestion: z.union([z.int().min(1), z.literal("all")]).default(2), // RLAIF-V: sample_num = 2
  /** The length balance of rlaifv-spec §1.8. */
  balance: z.boolean().default(false),
  mode: z.enum(["parity", "strict"]).default("parity"),
  /** Of the draw of `perQuestion`, which RLAIF-V leaves to chance. */
  seed: z.int().min(0).default(1),
  /** strict: thresholds of the verdict and of the balance, as in the config of a run. */
  margin: z.number().min(0).max(1).default(0.1),
  minMass: z.number().min(0).max(1).default(0.5),
  minRetained: z.number().min(0).max(1).default(0.5),
});
export type RlaifvPairsOptions = z.infer<typeof RlaifvPairsOptions>;
/** What a caller writes: defaults left out. */
export type RlaifvPairsInput = z.input<typeof RlaifvPairsOptions>;
