import { normalWords, sentencesOf } from "../stages/text.ts";
import type { Sentence } from "./bench.ts";

/** Sentences of free text: none is malformed, and one with the words of an earlier one is its duplicate. */
export function freeSentences(text: string): Sentence[] {
  const sentences = sentencesOf(text);
  const words = sentences.map(normalWords);
  return sentences.map((sentence, at) => ({
    text: sentence,
    malformed: false,
    duplicate: words.indexOf(words[at]!) < at,
  }));
}
