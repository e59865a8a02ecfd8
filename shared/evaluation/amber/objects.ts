/** AMBER's generative half: the object words of a description, held against an image's annotation. */

/** As the text has it and as a dictionary does, both in lower case. */
export type Noun = { word: string; lemma: string };

export type AmberWords = {
  /** relation.json: an object's word and the words that may stand for it. */
  association: Readonly<Record<string, readonly string[]>>;
  /** safe_words.txt: words that are never a hallucination, since they mean too much. */
  safe: ReadonlySet<string>;
  /** The nouns of a text in its order, repeated as it repeats them. */
  nouns: (text: string) => Noun[];
  /** How `nouns` finds them; told in the notes. */
  extraction: string;
};

export type Annotation = { truth: readonly string[]; hallu: readonly string[] };

/** `covered` and `imagined` are words of the annotation, each once; the other lists are of the answer, with repeats. */
export type AmberAnswer = {
  mentioned: string[];
  hallucinated: string[];
  /** Mentions that are among the annotated hallucination targets: what people, too, would expect to see there. */
  cognitive: string[];
  covered: Set<string>;
  imagined: Set<string>;
  truth: Set<string>;
  targets: Set<string>;
};

const lower = (word: string) => word.toLowerCase();

/** All words of relation.json, in lower case: a noun outside it and outside the item's own words is no object. */
export function universeOf(association: AmberWords["association"]): ReadonlySet<string> {
  return new Set(Object.entries(association).flatMap(([word, others]) => [word, ...others].map(lower)));
}

/** The lemma, but for words that the table has in the plural only, e.g. "sunglasses". */
export const objectWords = (nouns: readonly Noun[], universe: ReadonlySet<string>): string[] =>
  nouns.map(({ word, lemma }) => (universe.has(lemma) || !universe.has(word) ? lemma : word));

/** From a word of the answer to the annotated word it stands for: the word itself first, else the first that lists it. */
function meanings(words: ReadonlySet<string>, association: AmberWords["association"]): Map<string, string> {
  const found = new Map([...words].map((word) => [lower(word), word]));
  for (const word of words) {
    const others = Object.hasOwn(association, word) ? association[word]! : [];
    for (const other of others) if (!found.has(lower(other))) found.set(lower(other), word);
  }
  return found;
}

/**
 * As the official inference.py decides: a safe word is never wrong; else a word that stands for something in the image
 * is right; else it is a hallucination, and a cognitive one where it stands for a target.
 */
export function amberAnswer(
  nouns: readonly string[],
  annotation: Annotation,
  words: Pick<AmberWords, "association" | "safe"> & { universe: ReadonlySet<string> },
): AmberAnswer {
  const [truth, targets] = [new Set(annotation.truth), new Set(annotation.hallu)];
  const [inImage, expected] = [meanings(truth, words.association), meanings(targets, words.association)];
  const isObject = (noun: string) => words.universe.has(noun) || inImage.has(noun) || expected.has(noun);
  const mentioned = nouns.map(lower).filter(isObject);
  const judged = mentioned.filter((noun) => !words.safe.has(noun));
  const hallucinated = judged.filter((noun) => !inImage.has(noun));
  const cognitive = hallucinated.filter((noun) => expected.has(noun));
  const covered = new Set(judged.flatMap((noun) => inImage.get(noun) ?? []));
  const imagined = new Set(cognitive.flatMap((noun) => expected.get(noun) ?? []));
  return { mentioned, hallucinated, cognitive, covered, imagined, truth, targets };
}

type Count = { top: number; bottom: number };

/**
 * What inference.py adds to its Cover and to its Cog. Three things differ from counting words: a word that is listed
 * twice counts twice below and at most once above; associated words are looked up before the annotated ones, so that
 * "ground" covers grass where both are there; and its Cog counts annotated targets that were named, where the paper's
 * counts mentions.
 */
export function scriptCounts(
  nouns: readonly string[],
  annotation: Annotation,
  words: Pick<AmberWords, "association" | "safe"> & { universe: ReadonlySet<string> },
): { cover: Count; cog: Count } {
  const judged = amberAnswer(nouns, annotation, words);
  const marked = (list: readonly string[], said: readonly string[]): Count => {
    const first = firstListed(list, words.association);
    return { top: new Set(said.flatMap((noun) => first.get(noun) ?? [])).size, bottom: list.length };
  };
  const said = judged.mentioned.filter((noun) => !words.safe.has(noun));
  return { cover: marked(annotation.truth, said), cog: marked(annotation.hallu, judged.cognitive) };
}

/** The place in `list` that inference.py marks for a word. */
function firstListed(list: readonly string[], association: AmberWords["association"]): Map<string, number> {
  const places = new Map<string, number>();
  const mark = (word: string, at: number) => {
    if (!places.has(lower(word))) places.set(lower(word), at);
  };
  for (const [at, word] of list.entries()) {
    for (const other of Object.hasOwn(association, word) ? association[word]! : []) mark(other, at);
  }
  for (const [at, word] of list.entries()) mark(word, at);
  return places;
}
