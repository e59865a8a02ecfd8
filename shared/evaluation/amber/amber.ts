/**
 * AMBER (Wang et al. 2023, arXiv 2311.07397; github.com/junyangwang0410/AMBER): descriptions held against annotated
 * objects, and yes/no questions about existence, attributes and relations. No judge. "no" is the positive class of
 * precision and recall, as in the official inference.py: what is to be caught is what is not there.
 */
import type { EvaluationAnswer, EvaluationMode, FigureInfo, ItemScore } from "../../schemas/evaluation.ts";
import { wordCount } from "../../stages/text.ts";
import type { EvaluationBench, EvaluationItem } from "../evaluation.ts";
import { askYesNo } from "../pope/pope.ts";
import { readAs, type YesNo, yesNoParts } from "../pope/yes-no.ts";
import { type AmberWords, type Annotation, amberAnswer, objectWords, scriptCounts, universeOf } from "./objects.ts";
import { amberPrinted } from "./printed.ts";

export type AmberKind = "existence" | "attribute-state" | "attribute-number" | "attribute-action" | "relation";
export type AmberItem = EvaluationItem &
  (({ task: "generative" } & Annotation) | { task: "discriminative"; kind: AmberKind; truth: YesNo });

const FIGURES: readonly FigureInfo[] = [
  {
    name: "chair",
    kind: "share",
    better: "lower",
    meaning: "Objects named that are not there, of the objects named (CHAIR)",
  },
  {
    name: "cover",
    kind: "share",
    better: "higher",
    meaning: "Annotated objects named, of the annotated objects (Cover)",
  },
  { name: "hal", kind: "share", better: "lower", meaning: "Descriptions naming any object that is not there (Hal)" },
  {
    name: "cog",
    kind: "share",
    better: "lower",
    meaning: "Objects named that are annotated as likely to be imagined, of the objects named (the paper's Cog)",
  },
  {
    name: "cog_targets",
    kind: "share",
    better: "lower",
    meaning: "Likely imaginations that were named, of all of them (what inference.py prints as Cog)",
  },
  { name: "words", kind: "mean", better: "neither", meaning: "Mean words of a description" },
  {
    name: "accuracy",
    kind: "share",
    better: "higher",
    meaning: "Right answers, of the answers to questions (Accuracy)",
  },
  { name: "precision", kind: "share", better: "higher", meaning: "Right, of the answers that say no (Precision)" },
  {
    name: "recall",
    kind: "share",
    better: "higher",
    meaning: "Answered with no, of the questions where no is right (Recall)",
  },
  { name: "f1", kind: "share", better: "higher", meaning: "Harmonic mean of precision and recall (F1)" },
  { name: "undecided", kind: "share", better: "lower", meaning: "Answers to questions that say neither yes nor no" },
];

/** inference.py counts the exact answers `Yes` and `No`; all others are wrong and are no "no". */
const exactYesNo = (text: string): YesNo | undefined => (text === "Yes" ? "yes" : text === "No" ? "no" : undefined);

type Words = AmberWords & { universe: ReadonlySet<string> };
type Generative = Extract<AmberItem, { task: "generative" }>;
type Discriminative = Extract<AmberItem, { task: "discriminative" }>;
type Scored = Pick<ItemScore, "missing" | "parts" | "detail">;

/** What a description adds to CHAIR, Cover, Hal and Cog in strict mode; `named`: its objects, with repeats. */
export function amberCounts(text: string, annotation: Annotation, words: Words) {
  const nouns = objectWords(words.nouns(text), words.universe);
  const answer = amberAnswer(nouns, annotation, words);
  const { mentioned, hallucinated, cognitive, covered, truth } = answer;
  return {
    ...{ nouns, answer, named: mentioned.length },
    chair: { top: hallucinated.length, bottom: mentioned.length },
    cover: { top: covered.size, bottom: truth.size },
    hal: { top: Number(hallucinated.length > 0), bottom: 1 },
    cog: { top: cognitive.length, bottom: mentioned.length },
  };
}

function described(item: Generative, text: string, words: Words, mode: EvaluationMode): Scored {
  const { nouns, answer, chair, cover, hal, cog } = amberCounts(text, item, words);
  const script = scriptCounts(nouns, item, words);
  const { mentioned, hallucinated, cognitive, covered, imagined, truth, targets } = answer;
  const parity = mode === "parity";
  const parts: ItemScore["parts"] = {
    ...{ chair, hal, cog },
    cover: parity ? script.cover : cover,
    cog_targets: parity ? script.cog : { top: imagined.size, bottom: targets.size },
    words: { top: wordCount(text), bottom: 1 },
  };
  const missed = [...truth].filter((word) => !covered.has(word));
  return { missing: false, parts, detail: { mentioned, hallucinated, cognitive, covered: [...covered], missed } };
}

/** "attribute-state" is told under "attribute", too. */
function groupsOf(item: AmberItem): string[] {
  if (item.task === "generative") return ["generative"];
  const [family] = item.kind.split("-") as [string];
  return [...new Set(["discriminative", family, item.kind])];
}

function questioned({ truth }: Discriminative, answer: EvaluationAnswer, mode: EvaluationMode): Scored {
  const { said, by } = readAs(answer, mode, exactYesNo);
  const undecided = { top: Number(said === undefined), bottom: 1 };
  const detail = { truth, said: said ?? null, read_by: by };
  if (said === undefined && mode === "strict") return { missing: true, parts: { undecided }, detail };
  return { missing: false, parts: { ...yesNoParts(said, truth, "no"), undecided }, detail };
}

function score(item: AmberItem, answer: EvaluationAnswer, words: Words, mode: EvaluationMode): ItemScore {
  const base = { itemId: item.itemId, cluster: item.image, groups: groupsOf(item) };
  const { text } = answer;
  if (text === null) return { ...base, missing: true, parts: {}, detail: {} };
  return {
    ...base,
    ...(item.task === "generative" ? described(item, text, words, mode) : questioned(item, answer, mode)),
  };
}

function quotient(scores: readonly ItemScore[], name: string): number | null {
  const parts = scores.flatMap((one) => one.parts[name] ?? []);
  const bottom = parts.reduce((sum, one) => sum + one.bottom, 0);
  return bottom === 0 ? null : parts.reduce((sum, one) => sum + one.top, 0) / bottom;
}

/** The paper's AMBER Score, ½ · (1 − CHAIR + F1); in 0..1 here. */
function amberScore(scores: readonly ItemScore[]): number | null {
  const [chair, f1] = [quotient(scores, "chair"), quotient(scores, "f1")];
  return chair === null || f1 === null ? null : (1 - chair + f1) / 2;
}

const ask = (item: AmberItem) => {
  const { messages, temperature, ...yesNo } = askYesNo(item);
  // 512: as RLAIF-V's descriptions
  return item.task === "generative" ? { messages, temperature, max_tokens: 512 } : { messages, temperature, ...yesNo };
};

const SIMILARITY =
  "The original also takes a word for an annotated one where spaCy's en_core_web_lg finds their similarity above 0.8. " +
  "Here a word must be the annotated one or listed with it in relation.json: CHAIR, Hal come out higher and Cover " +
  "lower than the original's wherever a near word was used.";

const NOTES: Record<EvaluationMode, string[]> = {
  strict: [
    "cog is the paper's: of the objects named. The original script prints cog_targets under that name.",
    "An annotated object that is listed twice counts once, and a word covers the object it names before one it is only " +
      "associated with; the original does neither.",
    "Questions are read by the probabilities of yes and no where they were asked for, else by the word the answer " +
      "begins with; an answer that says neither is missing. The original takes all but exactly Yes and No for wrong.",
  ],
  parity: ["Questions are read as the original does: Yes and No to the letter, all else is wrong."],
};

/** @param words the benchmark's own words, from the user's copy, and a way to find nouns */
export function amberEvaluation(words: AmberWords): EvaluationBench<AmberItem> {
  const table: Words = { ...words, universe: universeOf(words.association) };
  return {
    name: "amber",
    figures: FIGURES,
    ask,
    judge: () => [],
    score: (item, answer, _calls, mode) => score(item, answer, table, mode),
    extra: (scores, mode) => (mode === "parity" ? amberPrinted(scores) : { amber_score: amberScore(scores) }),
    unparsable: () => 0,
    notes: (mode) => [`Nouns are found by ${words.extraction}; the original uses NLTK.`, SIMILARITY, ...NOTES[mode]],
  };
}
