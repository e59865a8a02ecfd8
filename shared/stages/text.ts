/** What the stages need to know about plain text: words, sentences, windows. */

/** Words as RLAIF-V counts them: runs between white space (rlaifv-spec §1.8). */
export function wordCount(text: string): number {
  return text.match(/\S+/g)?.length ?? 0;
}

/** Lower case, without punctuation and doubled spaces: two texts with the same normal form say the same words. */
export function normalWords(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s]/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
}

/** One line, single spaces. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** A sentence ends at its punctuation followed by white space, at Chinese and Japanese full stops, and at a line's end. */
const SENTENCE_BREAK = /(?<=[.!?]["'”’)\]]*\s)|(?<=[。！？])|(?<=\n)/u;

/** Scripts without spaces between words: every character weighs as a word in a window. */
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]/gu;

/**
 * Cuts a text into windows of whole sentences of at most `windowWords` words each, without losing or adding a character
 * except white space at their ends. A single longer sentence stays whole. An empty text has no window.
 */
export function windowsOf(text: string, windowWords: number): string[] {
  const windows: string[] = [];
  let current = "";
  let words = 0;
  for (const sentence of text.split(SENTENCE_BREAK)) {
    const size = wordCount(sentence) + (sentence.match(UNSPACED)?.length ?? 0);
    if (words > 0 && words + size > windowWords) {
      windows.push(current.trim());
      current = "";
      words = 0;
    }
    current += sentence;
    words += size;
  }
  if (current.trim() !== "") windows.push(current.trim());
  return windows;
}

/** Puts values in place of `{name}`; what a value itself holds in braces stays as it is. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (placeholder, name: string) => values[name] ?? placeholder);
}
