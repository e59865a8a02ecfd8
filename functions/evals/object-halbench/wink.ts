/** Tags words with wink-nlp, where RLAIF-V has spaCy's transformer model: another tagger, so that figures may differ. */
import model from "wink-eng-lite-web-model";
import winkNLP, { type ItemSentence, type ItemToken, type ItsFunction, type PartOfSpeech } from "wink-nlp";
import type { TaggedToken, Tagger } from "../../../shared/evaluation/object-halbench/normalise.ts";

/** Told in results, so that a figure says what found its objects. */
export const TAGGER_NAME = "wink-nlp 2.4.0, wink-eng-lite-web-model 1.8.1";

const PENN: Partial<Record<PartOfSpeech, string>> = { NOUN: "NN", PROPN: "NNP" };

/** Loads the model; the tagger is good for any number of texts. */
export function winkTagger(): Tagger {
  const nlp = winkNLP(model, ["sbd", "pos"]);
  const { its } = nlp;
  return (text) => {
    const sentences: TaggedToken[][] = [];
    nlp
      .readDoc(text)
      .sentences()
      .each((sentence: ItemSentence) => {
        const tokens: TaggedToken[] = [];
        sentence.tokens().each((token: ItemToken) => {
          const tag = token.out(its.pos) as PartOfSpeech;
          // a name keeps its capitals, as with spaCy; other words come in lower case
          const lemma = tag === "PROPN" ? token.out() : token.out(its.lemma as ItsFunction<string>);
          tokens.push({ lemma, tag: PENN[tag] ?? tag });
        });
        sentences.push(tokens);
      });
    return sentences;
  };
}
