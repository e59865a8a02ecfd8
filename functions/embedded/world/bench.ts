import { z } from "zod";
import type { Bench } from "../../../shared/evaluation/bench.ts";
import { type Claim, truth } from "./claims.ts";
import { isObject, type ObjectName } from "./objects.ts";
import { objectMentions, parseSentence, sentencesOf } from "./parse.ts";
import type { Scene } from "./scene.ts";

/** What a manifest row of this world tells about its picture. */
export const SceneFacts = z.object({
  objects: z.array(
    z.object({
      cell: z.int().min(0).max(8),
      class: z.string().refine(isObject, { error: "not an object of the embedded world" }),
    }),
  ),
});

/** The scene's objects in the form a manifest carries them. */
export const sceneFacts = (scene: Pick<Scene, "objects">): z.input<typeof SceneFacts> => ({
  objects: scene.objects.map(({ object, cell }) => ({ cell, class: object })),
});

/** The ground truth in a sample's metadata (`scene`); `undefined` if the sample is of another world. */
function sceneOf(metadata: Record<string, unknown>): Pick<Scene, "objects"> | undefined {
  const facts = SceneFacts.safeParse(metadata["scene"]);
  if (!facts.success) return undefined;
  return { objects: facts.data.objects.map(({ cell, class: name }) => ({ cell, object: name as ObjectName })) };
}

const sameClaim = (a: Claim | undefined, b: Claim | undefined): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The bench of composed scenes: exact ground truth, and a grammar that tells nonsense from sentences. */
export const scenesBench: Bench = {
  name: "scenes",
  truth(sample) {
    const scene = sceneOf(sample.metadata);
    return scene && new Set(scene.objects.map(({ object }) => object));
  },
  mentions: (text) => objectMentions(text).map((object) => ({ word: object, object })),
  claimTruth(text, sample) {
    const scene = sceneOf(sample.metadata);
    if (!scene) return undefined;
    const claim = parseSentence(text);
    return claim ? truth(scene, claim) : false; // what is no sentence of this world is true of none of its pictures
  },
  sentences(text) {
    const claims = sentencesOf(text).map((sentence) => ({ text: sentence, claim: parseSentence(sentence) }));
    return claims.map(({ text: sentence, claim }, i) => ({
      text: sentence,
      malformed: claim === undefined,
      duplicate: claim !== undefined && claims.slice(0, i).some((earlier) => sameClaim(earlier.claim, claim)),
    }));
  },
};
