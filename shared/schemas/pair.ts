import { z } from "zod";
import { Sha256, Verdict } from "./sample.ts";

/** One side of a pair with the claims that decided it. */
export const PairSide = z.strictObject({
  candidateId: z.string(),
  text: z.string(),
  score: z.int(),
  claims: z.array(
    z.strictObject({
      text: z.string(),
      question: z.string(),
      pYes: z.number().nullable(),
      pNo: z.number().nullable(),
      verdict: Verdict,
    }),
  ),
});
export type PairSide = z.infer<typeof PairSide>;

/** One preference pair: two answers to the same question about the same image. */
export const Pair = z.strictObject({
  pairId: z.string(),
  sampleId: z.string(),
  round: z.int().min(1),
  image: z.strictObject({ sha256: Sha256, path: z.string() }),
  question: z.string(),
  reference: z.string().optional(),
  chosen: PairSide,
  rejected: PairSide,
  metadata: z.record(z.string(), z.unknown()),
});
export type Pair = z.infer<typeof Pair>;
