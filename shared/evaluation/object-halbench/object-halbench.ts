/**
 * Object HalBench (RLHF-V; RLAIF-V's eval_gpt_obj_halbench.py, rlaifv-spec §4.1): which objects a description names that
 * are not in the picture. `strict` mends the original's readings; `parity` repeats them on our table, unless given its own.
 */
import type { EvaluationAnswer, EvaluationMode, ItemScore, JudgeCall } from "../../schemas/evaluation.ts";
import { wordCount } from "../../stages/text.ts";
import type { Mention } from "../bench.ts";
import { chairAnswer } from "../chair.ts";
import type { EvaluationBench, EvaluationItem, JudgeAsk, JudgeOptions } from "../evaluation.ts";
import { extractFormat, extractPrompt, extractPromptHash, objectsIn } from "./extract.ts";
import { chairParts, meanParts, OBJECT_HALBENCH_FIGURES, objectF1, originalNumbers } from "./figures.ts";
import { mentionsOfObjects, parityObjects, strictObjects, type Tagger } from "./normalise.ts";
import { COCO_VOCABULARY, type Vocabulary } from "./vocabulary.ts";

export type ObjectHalbenchItem = EvaluationItem & {
  /** Classes that are in the picture, by the reading of each mode (`truthOf`). */
  truth: Readonly<Record<EvaluationMode, readonly string[]>>;
};

/** Who finds the objects of an answer: a model that is asked, the tagger alone, or somebody before. */
export type Extraction =
  | { by: "llm" }
  | { by: "wink" }
  /** `objects`: as an extractor listed them. `normalised`: object words already (RLAIF-V's result files). */
  | { by: "stored"; objects: ReadonlyMap<string, readonly string[]>; normalised: boolean };

export type ObjectHalbenchSettings = {
  extraction: Extraction;
  tagger: Tagger;
  /** Ours by default; RLAIF-V's own table, read by `parseClassWords`, makes parity exact to the word. */
  vocabulary?: Vocabulary;
};

const ANSWER_TOKENS = 1024; // RLAIF-V: max 1024 new tokens
const EXTRACT_TOKENS = 512; // RLAIF-V: max 512
/** Answers of up to this many words have no objects for RLAIF-V: it asks its extractor nothing. */
const SHORT_ANSWER_WORDS = 3;
const EXTRACT = "extract";

type Reading = { objects: readonly string[]; mentions: Mention[] };

/** The benchmark for one way of finding objects. An answer whose objects nobody could tell is missing. */
export function objectHalbench(settings: ObjectHalbenchSettings): EvaluationBench<ObjectHalbenchItem> {
  const { extraction } = settings;
  return {
    name: "object-halbench",
    figures: OBJECT_HALBENCH_FIGURES,
    ask: ({ image, question }) => ({
      messages: [
        {
          role: "user",
          content: [
            { type: "image_url", image_url: { url: `blob:${image}` } },
            { type: "text", text: question },
          ],
        },
      ],
      temperature: 0,
      max_tokens: ANSWER_TOKENS,
    }),
    judge: (item, answer, options) => (extraction.by === "llm" ? extractAsks(item, answer, options) : []),
    score: (item, answer, calls, mode) => scoreItem(settings, { item, answer, calls }, mode),
    extra: (scores, mode) => ({
      object_f1: objectF1(scores),
      ...(mode === "parity" ? originalNumbers(scores) : {}),
    }),
    unparsable: (_, calls) => calls.filter(({ kind, reply }) => isUnreadable(kind, reply)).length,
    notes: (mode) => notesOf(settings, mode),
  };
}

const isUnreadable = (kind: string, reply: string | null) =>
  kind === EXTRACT && reply !== null && objectsIn(reply) === undefined;

/** Asked in both modes, so that stored calls serve both; an answer without any word has nothing to list. */
function extractAsks(item: ObjectHalbenchItem, answer: EvaluationAnswer, options: JudgeOptions): JudgeAsk[] {
  const text = answer.text ?? "";
  if (wordCount(text) === 0) return [];
  const content = extractPrompt({ question: item.question, answer: text }, options.structuredOutput);
  const promptHash = extractPromptHash(options.structuredOutput);
  return Array.from({ length: options.repetitions }, (_, repetition) => ({
    itemId: item.itemId,
    kind: EXTRACT,
    repetition,
    promptHash,
    body: {
      messages: [{ role: "user", content }],
      temperature: options.temperature,
      max_tokens: EXTRACT_TOKENS,
      ...extractFormat(options.structuredOutput),
    },
  }));
}

type Given = { item: ObjectHalbenchItem; answer: EvaluationAnswer; calls: readonly JudgeCall[] };

function scoreItem(settings: ObjectHalbenchSettings, given: Given, mode: EvaluationMode): ItemScore {
  const { item, answer } = given;
  const base = { itemId: item.itemId, cluster: item.image, groups: [] };
  if (answer.text === null) return { ...base, missing: true, parts: {}, detail: { reason: "no answer" } };
  const lists = objectLists(settings, given, mode);
  if (lists.length === 0) return { ...base, missing: true, parts: {}, detail: { reason: "no usable extraction" } };
  const truth = new Set(item.truth[mode]);
  const words = mode === "parity" ? answer.text.trim().split(" ").length : wordCount(answer.text);
  const readings = lists.map((objects) => readingOf(settings, objects));
  const answers = readings.map(({ mentions }) => chairAnswer({ mentions, truth }));
  const detail = {
    truth: [...truth],
    readings: readings.map(({ objects, mentions }, at) => ({
      objects,
      mentions,
      hallucinated: answers[at]!.hallucinated,
      correct: [...answers[at]!.correct],
    })),
  };
  return { ...base, missing: false, parts: meanParts(answers.map((one) => chairParts(one, words))), detail };
}

function readingOf({ vocabulary = COCO_VOCABULARY }: ObjectHalbenchSettings, objects: readonly string[]): Reading {
  return { objects, mentions: mentionsOfObjects(objects, vocabulary) };
}

/** The object words of each reading of the answer; none where it could not be read. */
function objectLists(settings: ObjectHalbenchSettings, given: Given, mode: EvaluationMode): string[][] {
  const { extraction, tagger, vocabulary = COCO_VOCABULARY } = settings;
  const text = given.answer.text ?? "";
  const unasked = wordCount(text) <= (mode === "parity" ? SHORT_ANSWER_WORDS : 0);
  if (extraction.by === "wink") return [strictObjects(tagger(text), vocabulary)];
  if (unasked) return [[]];
  const lists = extraction.by === "llm" ? repliedLists(given.calls, mode) : storedLists(extraction, given.item.itemId);
  if (extraction.by === "stored" && extraction.normalised) return lists.map((list) => [...new Set(list)]);
  const normalise = mode === "parity" ? parityObjects : strictObjects;
  // an article in front, as RLAIF-V does: it helps a tagger to see a noun
  return lists.map((list) =>
    normalise(
      list.map((object) => tagger(`a ${object}`).flat()),
      vocabulary,
    ),
  );
}

/** All usable replies in strict mode; RLAIF-V asks until the first. */
function repliedLists(calls: readonly JudgeCall[], mode: EvaluationMode): (readonly string[])[] {
  const lists = calls
    .filter(({ kind, reply }) => kind === EXTRACT && reply !== null)
    .flatMap(({ reply }) => {
      const objects = objectsIn(reply!);
      return objects === undefined ? [] : [objects];
    });
  return mode === "parity" ? lists.slice(0, 1) : lists;
}

function storedLists({ objects }: Extract<Extraction, { by: "stored" }>, itemId: string): (readonly string[])[] {
  const list = objects.get(itemId);
  return list === undefined ? [] : [list];
}

const EXTRACTION_NOTES = {
  llm: "Objects were listed by a model in this project's words; RLAIF-V asked gpt-3.5-turbo-0613, which is retired.",
  wink: "Objects are the noun phrases a tagger finds (no judge); RLAIF-V asked gpt-3.5-turbo-0613. Read the same way in both modes.",
  stored: "Objects are stored extractions; their source decides how they compare with others.",
};

function notesOf({ extraction, vocabulary }: ObjectHalbenchSettings, mode: EvaluationMode): string[] {
  const table = vocabulary === undefined ? "this project's table of the 80 classes" : "a table given by the user";
  const common = [
    EXTRACTION_NOTES[extraction.by],
    `Words name classes by ${table}.`,
    "Answers that are asked for are decoded greedily; RLAIF-V searched with 3 beams.",
    "Objects are tagged by wink-nlp, where RLAIF-V has spaCy; agreement of the two was not measured.",
  ];
  const strict =
    "Strict: a row of nouns names what its end names, lower and upper case are one, plurals are found regularly, and answers of one to three words count.";
  const parity =
    "Parity: a row of nouns must stand in the table as a whole, answers of up to three words have no objects, and captions are read with NLTK's quirks. An answer nobody could read is missing; RLAIF-V stops there.";
  return [...common, mode === "strict" ? strict : parity];
}
