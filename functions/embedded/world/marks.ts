import { sentenceOf, truth } from "./claims.ts";
import type { ObjectName } from "./objects.ts";
import { objectMentions, parseCaption } from "./parse.ts";
import { countObjects, type Scene } from "./scene.ts";

/** What one answer got right and wrong about its scene. Objects are counted on every object word, parsed or not. */
export type Marks = {
  mentions: number;
  hallucinated: ObjectName[];
  /** Kinds of objects in the scene, and how many of them the answer names. */
  present: number;
  named: number;
  claims: number;
  falseClaims: number;
  malformed: number;
  /** Claims that repeat an earlier one. */
  duplicates: number;
  words: number;
};

export function markAnswer(scene: Pick<Scene, "objects">, text: string): Marks {
  const there = countObjects(scene);
  const mentions = objectMentions(text);
  const { claims, malformed } = parseCaption(text);
  const sentences = claims.map(sentenceOf);
  return {
    mentions: mentions.length,
    hallucinated: mentions.filter((object) => !there.has(object)),
    present: there.size,
    named: new Set(mentions.filter((object) => there.has(object))).size,
    claims: claims.length,
    falseClaims: claims.filter((claim) => !truth(scene, claim)).length,
    malformed: malformed.length,
    duplicates: sentences.length - new Set(sentences).size,
    words: text.split(/\s+/).filter((word) => word !== "").length,
  };
}

/** Shares over many answers, each from 0 to 1; `words` is a mean. */
export type Summary = {
  responseHallucination: number;
  mentionHallucination: number;
  recall: number;
  falseClaims: number;
  malformed: number;
  duplicates: number;
  words: number;
  claims: number;
};

/** `malformed` and `duplicates` are shares of answers with at least one such sentence. */
export function summarise(marks: readonly Marks[]): Summary {
  const total = (value: (mark: Marks) => number) => marks.reduce((sum, mark) => sum + value(mark), 0);
  const share = (holds: (mark: Marks) => boolean) => marks.filter(holds).length / marks.length;
  return {
    responseHallucination: share(({ hallucinated }) => hallucinated.length > 0),
    mentionHallucination: total(({ hallucinated }) => hallucinated.length) / total(({ mentions }) => mentions),
    recall: total(({ named }) => named) / total(({ present }) => present),
    falseClaims: total(({ falseClaims }) => falseClaims) / total(({ claims }) => claims),
    malformed: share(({ malformed }) => malformed > 0),
    duplicates: share(({ duplicates }) => duplicates > 0),
    words: total(({ words }) => words) / marks.length,
    claims: total(({ claims }) => claims) / marks.length,
  };
}

export const summaryLine = (summary: Summary): string =>
  Object.entries(summary)
    .map(([name, value]) =>
      name === "words" || name === "claims" ? `${name} ${value.toFixed(2)}` : `${name} ${(100 * value).toFixed(1)} %`,
    )
    .join(", ");
