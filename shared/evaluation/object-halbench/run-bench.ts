/** Object HalBench as a run measures itself with it: judge-free, in strict mode, the truth beside every sample. */
import { z } from "zod";
import type { Bench } from "../bench.ts";
import { freeSentences } from "../free-sentences.ts";
import { mentionsOfObjects, strictObjects, type Tagger } from "./normalise.ts";
import { COCO_VOCABULARY } from "./vocabulary.ts";

/** A sample's metadata: what is in its picture, as classes of COCO or words that stand for them; `[]`: none of them. */
export const ObjectTruth = z.object({ objects: z.array(z.string()) });

/** Words of `objects` that name no class of COCO. */
export const unknownObjects = (objects: readonly string[]): string[] =>
  objects.filter((word) => !COCO_VOCABULARY.classOf.has(word));

/** The same formulas and the same reading as `rlaifv eval object-halbench --extraction wink`. @param tagger finds the nouns */
export function objectHalbenchOfRun(tagger: Tagger): Bench {
  return {
    name: "object-halbench",
    truth({ metadata }) {
      const told = ObjectTruth.safeParse(metadata);
      return told.success
        ? new Set(told.data.objects.flatMap((word) => COCO_VOCABULARY.classOf.get(word) ?? []))
        : undefined;
    },
    mentions: (text) => mentionsOfObjects(strictObjects(tagger(text), COCO_VOCABULARY), COCO_VOCABULARY),
    sentences: freeSentences,
  };
}
