import { OBJECTS } from "../world/objects.ts";

const SPECIAL = ["<pad>", "<caption>", "<question>", "<end>"] as const;
const MARKS = [".", "?"] as const;
/** The plural ending is a token of its own, so that "dogs" shares everything with "dog". */
const PLURAL = "+s";
const WORDS =
  "yes no there is are a the on in at of left right top bottom middle above where center none how many one two three".split(
    " ",
  );

/** Every token; a token's number is its place here. */
export const VOCABULARY: readonly string[] = [...SPECIAL, ...MARKS, PLURAL, ...WORDS, ...OBJECTS];
export const VOCABULARY_SIZE = VOCABULARY.length;

const NUMBERS = new Map(VOCABULARY.map((token, number) => [token, number]));

/** The number of a token that is known to exist. */
export function tokenId(token: string): number {
  const id = NUMBERS.get(token);
  if (id === undefined) throw new Error(`token: "${token}" is not in the vocabulary`);
  return id;
}

export const [PAD, CAPTION, QUESTION, END] = SPECIAL.map(tokenId) as [number, number, number, number];
export const YES = tokenId("yes");
export const NO = tokenId("no");
export const OBJECT_IDS: readonly number[] = OBJECTS.map(tokenId);

/** A word is a token, or a token with plural endings: "dogs", and as a model may babble, "theres" or "dogss". */
function wordIds(word: string): number[] | undefined {
  const whole = NUMBERS.get(word);
  if (whole !== undefined) return [whole];
  const plural = tokenId(PLURAL);
  if (word === "s") return [plural];
  if (!word.endsWith("s")) return undefined;
  const stem = wordIds(word.slice(0, -1));
  return stem && [...stem, plural];
}

export type Encoded = { ids: number[]; unknown: string[] };

/** The tokens of a text, and the words that the model has never seen, which are left out. Case and spacing do not matter. */
export function encode(text: string): Encoded {
  const encoded: Encoded = { ids: [], unknown: [] };
  for (const piece of text.toLowerCase().match(/[.?]|[^\s.?]+/g) ?? []) {
    const ids = wordIds(piece);
    if (ids) encoded.ids.push(...ids);
    else encoded.unknown.push(piece);
  }
  return encoded;
}

const isSpecial = (id: number): boolean => id < SPECIAL.length;
const isMark = (id: number): boolean => (MARKS as readonly string[]).includes(VOCABULARY[id]!);

/** The text that a token adds after `before`: marks and endings stick to the word, sentences start with a capital. */
export function pieceOf(id: number, before: number | undefined): string {
  if (isSpecial(id)) return "";
  const token = VOCABULARY[id]!;
  const first = before === undefined || isSpecial(before);
  const afterMark = !first && isMark(before);
  if (token === PLURAL) return afterMark ? " s" : "s";
  if (isMark(id)) return token;
  const word = first || afterMark ? token[0]!.toUpperCase() + token.slice(1) : token;
  return first ? word : ` ${word}`;
}

/** Plain English from tokens. Encoding it again gives the same tokens. */
export const decode = (ids: readonly number[]): string => ids.map((id, i) => pieceOf(id, ids[i - 1])).join("");
