/** Everything that decides which words name which class: the table, the two-word phrases by RLAIF-V's rule, plurals. */
import { synonymTable } from "../mentions.ts";
import { CLASS_WORDS } from "./classes.ts";

export type Vocabulary = {
  /** Class of each word, multi-word entries too. */
  classOf: ReadonlyMap<string, string>;
  /** What two words in a row stand for: themselves, a class's word, or a thing that is no class ("train track"). */
  phrases: ReadonlyMap<string, string>;
  /** Single words that may be looked up: those of the table and the parts of phrases. */
  lemmas: ReadonlySet<string>;
};

/** Things of their own that hold a class's word (RLAIF-V eval_gpt_obj_halbench.py; rlaifv-spec §4.1). */
const NEUTRAL = ["home plate", "train track"];
const ANIMALS = "bird cat dog horse sheep cow elephant bear zebra giraffe animal cub".split(" ");
const VEHICLES = ["jet", "train"];
const OVERRIDES = [
  ["bow tie", "tie"],
  ["toilet seat", "toilet"],
  ["wine glas", "wine glass"], // what a lemmatiser made of "wine glass"
] as const;

function phrasesOf(words: Iterable<string>): ReadonlyMap<string, string> {
  const ownNames = [...words].filter((word) => word.includes(" ")).concat(NEUTRAL);
  return new Map<string, string>([
    ...ownNames.map((phrase) => [phrase, phrase] as const),
    ...ANIMALS.flatMap((animal) => ["baby", "adult"].map((age) => [`${age} ${animal}`, animal] as const)),
    ...VEHICLES.map((vehicle) => [`passenger ${vehicle}`, vehicle] as const),
    ...OVERRIDES,
  ]);
}

/** The vocabulary of a table: one row a class, the first word its name. RLAIF-V's own table gives its 58 phrases. */
export function vocabularyOf(rows: readonly (readonly string[])[]): Vocabulary {
  const classOf = synonymTable(rows);
  const phrases = phrasesOf(classOf.keys());
  const lemmas = new Set([...classOf.keys(), ...phrases.keys()].flatMap((word) => [word, ...word.split(" ")]));
  lemmas.delete("glas"); // no word: "glass" is not its plural
  return { classOf, phrases, lemmas };
}

/** Reads a table in the layout of RLAIF-V's synonyms_refine.txt: a line a class, words separated by commas. */
export function parseClassWords(text: string): string[][] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  return lines.map((line) =>
    line
      .split(",")
      .map((word) => word.trim())
      .filter((word) => word !== ""),
  );
}

/** This project's own. */
export const COCO_VOCABULARY: Vocabulary = vocabularyOf(CLASS_WORDS);
