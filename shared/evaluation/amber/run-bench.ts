/** AMBER's descriptions as a run measures itself with them: in strict mode, the annotation beside every sample. */
import { z } from "zod";
import type { Bench } from "../bench.ts";
import { freeSentences } from "../free-sentences.ts";
import { amberCounts } from "./amber.ts";
import { type AmberWords, objectWords, universeOf } from "./objects.ts";

/** A sample's metadata: what is in its picture, and what people would expect there that is not. */
export const AmberTruth = z.object({
  amber: z.object({ truth: z.array(z.string()), hallu: z.array(z.string()) }),
});

/** AMBER's own words, kept once with the run: relation.json and safe_words.txt. */
export const AmberRunWords = z.strictObject({
  association: z.record(z.string(), z.array(z.string())),
  safe: z.array(z.string()),
});
export type AmberRunWords = z.infer<typeof AmberRunWords>;

/**
 * The same formulas and the same reading as `rlaifv eval amber`. CHAIR, Cover and Hal stand under the run's own names, too,
 * since they are the same counts: what the rule of selection compares is AMBER's.
 */
export function amberOfRun(words: AmberWords): Bench {
  const table = { ...words, universe: universeOf(words.association) };
  const annotationOf = (metadata: unknown) => AmberTruth.safeParse(metadata).data?.amber;
  return {
    name: "amber",
    figures: ["chair", "cover", "hal", "cog"],
    truth: ({ metadata }) => {
      const annotation = annotationOf(metadata);
      return annotation === undefined ? undefined : new Set(annotation.truth);
    },
    mentions: (text) => objectWords(words.nouns(text), table.universe).map((word) => ({ word, object: word })),
    counts(text, { metadata }) {
      const annotation = annotationOf(metadata);
      if (annotation === undefined) return undefined;
      const { chair, cover, hal, cog, named } = amberCounts(text, annotation, table);
      return {
        response_hallucination: { top: hal.top, bottom: Number(named > 0) },
        response_hallucination_all: hal,
        mention_hallucination: chair,
        recall: cover,
        ...{ chair, cover, hal, cog },
      };
    },
    sentences: freeSentences,
  };
}
