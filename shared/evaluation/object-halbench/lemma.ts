/**
 * Words and singulars of a caption. RLAIF-V uses NLTK: every token is looked up as a noun in WordNet, whatever it is in
 * its sentence. Here the same endings are tried, and a singular counts only where the vocabulary knows it.
 */
import type { EvaluationMode } from "../../schemas/evaluation.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** The noun endings of WordNet's morphy, with NLTK's "ves". */
const ENDINGS = [
  ["s", ""],
  ["ses", "s"],
  ["ves", "f"],
  ["xes", "x"],
  ["zes", "z"],
  ["ches", "ch"],
  ["shes", "sh"],
  ["men", "man"],
  ["ies", "y"],
] as const;

const IRREGULAR: Readonly<Record<string, string>> = {
  calves: "calf",
  children: "child",
  flamingoes: "flamingo",
  geese: "goose",
  grandchildren: "grandchild",
  knives: "knife",
  mice: "mouse",
  oxen: "ox",
  passersby: "passerby",
  pocketknives: "pocketknife",
  brethren: "brother",
  buffaloes: "buffalo",
  busses: "bus",
  taxies: "taxi",
  wives: "wife",
};

/**
 * Where NLTK's algorithm on WordNet 3.0 says otherwise: words that stand there as their own singular or are cut too
 * short. Found by our own writing of that algorithm, run over every noun of WordNet and every plural of this table
 * (2026-11); NLTK itself was not run.
 */
const NLTK_QUIRKS: Readonly<Record<string, string>> = {
  men: "men",
  vases: "vas",
  sports: "sport",
  childrens: "childrens",
};

/** Words of the table that WordNet 3.0 does not have: NLTK leaves their plurals as they are. */
const NOT_IN_WORDNET = new Set(
  `biker coworker businessman firetruck sailboard paddleboat riverboat bluejay pitbull brindle longboard shortboard
  skimboard netbook macbook lenovo smartphone iphone stovetop teddybear hairdryer`.split(/\s+/),
);

/**
 * The singular of a lower-case word; a word that the vocabulary does not know comes back as it is. `parity` keeps
 * NLTK's quirks with this project's table; with another table only those that both tables share.
 */
export function nounLemma(word: string, { lemmas }: Vocabulary, mode: EvaluationMode): string {
  if (mode === "parity" && Object.hasOwn(NLTK_QUIRKS, word)) return NLTK_QUIRKS[word]!;
  const irregular = Object.hasOwn(IRREGULAR, word) ? IRREGULAR[word]! : word;
  const singular = irregular !== word && lemmas.has(irregular) ? irregular : regularSingular(word, lemmas);
  return mode === "parity" && singular !== word && NOT_IN_WORDNET.has(singular) ? word : singular;
}

/** The shortest known form, as NLTK chooses. */
function regularSingular(word: string, lemmas: ReadonlySet<string>): string {
  const forms = ENDINGS.filter(([ending]) => word.endsWith(ending)).map(
    ([ending, singular]) => word.slice(0, word.length - ending.length) + singular,
  );
  const known = [word, ...forms].filter((form) => lemmas.has(form));
  return known.reduce((best, form) => (form.length < best.length ? form : best), known[0] ?? word);
}

/** Lower-case words; a hyphen or a slash inside keeps them together, as NLTK's tokeniser does, "'s" stands alone. */
export function captionTokens(caption: string): string[] {
  return caption.toLowerCase().match(/[\p{L}\p{N}]+(?:[-/.][\p{L}\p{N}]+)*|['’]\p{L}+|[^\s\p{L}\p{N}]/gu) ?? [];
}
