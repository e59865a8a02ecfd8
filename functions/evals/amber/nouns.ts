/** Nouns of an English text, as AMBER needs them: without a part of speech "can be seen" would name a can. */
import model from "wink-eng-lite-web-model";
import winkNLP from "wink-nlp";
import type { Noun } from "../../../shared/evaluation/amber/objects.ts";

const NOUNS = new Set(["NOUN", "PROPN"]);

let ready: ReturnType<typeof winkNLP> | undefined;

/** Told in the notes of a result. */
export const EXTRACTION = "wink-nlp's parts of speech and lemmas";

/** In the order of the text, repeated as it repeats them. */
export function nounsOf(text: string): Noun[] {
  ready ??= winkNLP(model, ["sbd", "pos"]); // reading the model takes long enough to wait for the first text
  const { its } = ready;
  // in lower case, since a capital makes a name of "Dogs", and a name keeps its plural
  const tokens = ready.readDoc(text.toLowerCase()).tokens();
  // the cast: wink-nlp declares `its.lemma` with an argument that its own `out` does not accept
  const [kinds, lemmas] = [tokens.out(its.pos), tokens.out(its.lemma as unknown as typeof its.normal)];
  const words = tokens.out(its.normal);
  const nouns = words.map((word, at) => ({ word: String(word), lemma: String(lemmas[at]) }));
  return nouns.filter((_, at) => NOUNS.has(String(kinds[at])));
}
