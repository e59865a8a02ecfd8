/** From tagged words to object words: what an extractor listed, or the noun phrases of a sentence. */
import type { Mention } from "../bench.ts";
import { mentionsOf } from "../mentions.ts";
import { nounLemma } from "./lemma.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Penn Treebank tags; only NN, NNS, NNP and NNPS matter here. */
export type TaggedToken = { lemma: string; tag: string };

/** Cuts a text into sentences of tagged tokens. */
export type Tagger = (text: string) => TaggedToken[][];

const isNoun = ({ tag }: TaggedToken) => tag.startsWith("NN");

/** The known two-word phrases in a row of lemmas, from the left, without overlaps. */
function phrasesIn(tokens: readonly TaggedToken[], { phrases }: Vocabulary): string[] {
  const found: string[] = [];
  for (let at = 0; at + 1 < tokens.length; at++) {
    const phrase = phrases.get(`${tokens[at]!.lemma} ${tokens[at + 1]!.lemma}`);
    if (phrase === undefined) continue;
    found.push(phrase);
    at++;
  }
  return found;
}

/** Each maximal row of nouns. */
function nounRuns(tokens: readonly TaggedToken[]): string[][] {
  const runs: string[][] = [[]];
  for (const token of tokens) {
    if (isNoun(token)) runs.at(-1)!.push(token.lemma);
    else if (runs.at(-1)!.length > 0) runs.push([]);
  }
  return runs.filter((run) => run.length > 0);
}

/**
 * RLAIF-V's reading (golden `object_normalisation`): known two-word phrases if there are any, else each row of nouns as
 * one string. So "man with a wine glass" names no man, and "leather couch" no couch. Each string once, in order.
 */
export function parityObjects(objects: readonly (readonly TaggedToken[])[], vocabulary: Vocabulary): string[] {
  const words = objects.flatMap((tokens) => {
    const phrases = phrasesIn(tokens, vocabulary);
    return phrases.length > 0 ? phrases : nounRuns(tokens).map((run) => run.join(" "));
  });
  return [...new Set(words)];
}

/**
 * Ours: phrases count as nouns, and a row of nouns names what its end names: "leather couch" is a couch, "laptop
 * screen" no laptop, "train track" no train. Works on whole sentences too. Each string once, in order, lower case.
 */
export function strictObjects(sentences: readonly (readonly TaggedToken[])[], vocabulary: Vocabulary): string[] {
  const words = sentences.flatMap((tokens) => {
    const singular = tokens.map(({ lemma, tag }) => ({
      lemma: nounLemma(lemma.toLowerCase(), vocabulary, "strict"),
      tag,
    }));
    return nounRuns(folded(singular, vocabulary)).map((run) => headOf(run, vocabulary));
  });
  return [...new Set(words)];
}

function folded(tokens: readonly TaggedToken[], { phrases }: Vocabulary): TaggedToken[] {
  const result: TaggedToken[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const [token, next] = [tokens[at]!, tokens[at + 1]];
    const phrase = next === undefined ? undefined : phrases.get(`${token.lemma} ${next.lemma}`);
    result.push(phrase === undefined ? token : { lemma: phrase, tag: "NN" });
    if (phrase !== undefined) at++;
  }
  return result;
}

/** The longest known end of a row, or all of it. */
function headOf(run: readonly string[], { classOf }: Vocabulary): string {
  for (let from = 0; from < run.length; from++) {
    const end = run.slice(from).join(" ");
    if (classOf.has(end)) return end;
  }
  return run.join(" ");
}

/** The object words that name a class; beside a toilet, "seat" is the toilet's. */
export function mentionsOfObjects(objects: readonly string[], { classOf }: Vocabulary): Mention[] {
  return mentionsOf(objects, classOf);
}
