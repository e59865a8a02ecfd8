/** What the stages need to know about plain text: words, sentences, windows. */

/** Words as RLAIF-V counts them: runs between white space, as Python splits a string (rlaifv-spec §1.8). */
export function wordCount(text: string): number {
  let words = 0;
  let inWord = false;
  for (let at = 0; at < text.length; at++) {
    const isSpace = isWhiteSpace(text.charCodeAt(at));
    if (!isSpace && !inWord) words++;
    inWord = !isSpace;
  }
  return words;
}

/** Python's idea: unlike JavaScript's it has the four separators U+001C–1F and U+0085, and not U+FEFF. */
function isWhiteSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d) || code >= 0x1c;
  if (code < 0x1680) return code === 0x85 || code === 0xa0;
  if (code >= 0x2000 && code <= 0x200a) return true;
  return [0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000].includes(code);
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

/** The sentences of a text, without white space at their ends; none is empty. */
export function sentencesOf(text: string): string[] {
  return text
    .split(SENTENCE_BREAK)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== "");
}

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
