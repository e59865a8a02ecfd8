/** From a caption to the classes it names, word by word and without a tagger: RLAIF-V's `caption_to_words` (golden `caption_object_folding`). */
import type { EvaluationMode } from "../../schemas/evaluation.ts";
import { mentionsOf } from "../mentions.ts";
import { captionTokens, nounLemma } from "./lemma.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Two words that are one thing become one, greedily from the left; beside a toilet every "seat" falls away. */
export function foldTokens(lemmas: readonly string[], { phrases }: Vocabulary): string[] {
  const folded: string[] = [];
  for (let at = 0; at < lemmas.length; at++) {
    const phrase = at + 1 < lemmas.length ? phrases.get(`${lemmas[at]} ${lemmas[at + 1]}`) : undefined;
    folded.push(phrase ?? lemmas[at]!);
    if (phrase !== undefined) at++;
  }
  return folded.includes("toilet") ? folded.filter((token) => token !== "seat") : folded;
}

/** The classes of a caption's lemmas, each once, in the order of the text. */
export function classesOf(lemmas: readonly string[], vocabulary: Vocabulary): string[] {
  const mentions = mentionsOf(foldTokens(lemmas, vocabulary), vocabulary.classOf);
  return [...new Set(mentions.map(({ object }) => object))];
}

/** What is known of a picture: the names of its annotated categories and what people wrote about it. */
export type Evidence = { categories: readonly string[]; captions: readonly string[] };

/** The classes that are in a picture by its annotations or by any caption, sorted. Categories outside the table are none. */
export function truthOf({ categories, captions }: Evidence, vocabulary: Vocabulary, mode: EvaluationMode): string[] {
  const annotated = categories.flatMap((name) => vocabulary.classOf.get(name) ?? []);
  const told = captions.flatMap((caption) => {
    const lemmas = captionTokens(caption).map((token) => nounLemma(token, vocabulary, mode));
    return classesOf(lemmas, vocabulary);
  });
  return [...new Set([...annotated, ...told])].sort();
}
