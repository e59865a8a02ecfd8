/** Object HalBench as `rlaifv eval` opens it: questions, COCO's truth, and who finds the objects of an answer. */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Extraction, objectHalbench } from "../../shared/evaluation/object-halbench/object-halbench.ts";
import {
  COCO_VOCABULARY,
  parseClassWords,
  type Vocabulary,
  vocabularyOf,
} from "../../shared/evaluation/object-halbench/vocabulary.ts";
import type { EvaluationAnswer } from "../../shared/schemas/evaluation.ts";
import type { BenchEntry, BenchOptions, BenchWorld, OpenedBench } from "./bench.ts";
import { findCocoFiles, openCocoIndex } from "./object-halbench/coco-index.ts";
import {
  halbenchItems,
  isHalbenchResult,
  type Question,
  readHalbenchAnswers,
  readHalbenchExtractions,
  readHalbenchPictures,
  readHalbenchQuestions,
  readHalbenchResult,
} from "./object-halbench/load.ts";
import { TAGGER_NAME, winkTagger } from "./object-halbench/wink.ts";
import { EvaluationError } from "./problems.ts";

export const objectHalbenchEntry: BenchEntry = {
  name: "object-halbench",
  summary:
    "objects that a description makes up; --items questions or answers in the official layout, --coco annotations",
  open: openObjectHalbench,
};

async function openObjectHalbench(options: BenchOptions, { dataDir }: BenchWorld): Promise<OpenedBench> {
  const { data, coco, synonyms } = options;
  if (data !== undefined && (await isHalbenchResult(data))) return openResult(data, options);
  if (data === undefined || coco === undefined) {
    throw new EvaluationError(
      "the questions and COCO's annotations are not part of this program",
      'fetch them with "rlaifv eval fetch object-halbench"; or give --items obj_halbench_300_with_image.jsonl (or answers that repeat the questions) and --coco with the annotations of COCO 2014',
    );
  }
  const vocabulary = synonyms === undefined ? COCO_VOCABULARY : await ownVocabulary(synonyms);
  const extraction = await extractionOf(options);
  const index = await openCocoIndex(await findCocoFiles(coco), join(resolve(dataDir), "evals", "cache"));
  const { items, unknown } = await halbenchItems(await questionsIn(data), index, vocabulary);
  const own = synonyms === undefined ? {} : { vocabulary };
  const bench = objectHalbench({ extraction, tagger: winkTagger(), ...own });
  return {
    bench: bench as OpenedBench["bench"],
    items,
    settings: { extraction: extraction.by, tagger: TAGGER_NAME, synonyms: synonyms === undefined ? "own" : "given" },
    notes: unknown.length === 0 ? [] : [`${unknown.length} images are not in COCO 2014 and were left out.`],
    readAnswers: answersIn,
    picture: pictureFinder(data),
  };
}

/** Answers, objects and truth lie in the one file: neither COCO nor an extractor is needed. */
async function openResult(path: string, { synonyms }: BenchOptions): Promise<OpenedBench> {
  const { items, extraction } = await readHalbenchResult(path);
  const own = synonyms === undefined ? {} : { vocabulary: await ownVocabulary(synonyms) };
  return {
    bench: objectHalbench({ extraction, tagger: winkTagger(), ...own }) as OpenedBench["bench"],
    items,
    settings: { extraction: "stored, by RLAIF-V", synonyms: synonyms === undefined ? "own" : "given" },
    notes: ["Objects and what is in the pictures are those that RLAIF-V's script stored."],
    readAnswers: answersIn,
  };
}

const answersIn = async (path: string): Promise<EvaluationAnswer[]> =>
  (await isHalbenchResult(path)) ? (await readHalbenchResult(path)).answers : (await readHalbenchAnswers(path)).answers;

/** Within the question file, else in the folder under the name that the item or COCO gives it. */
function pictureFinder(questions: string): NonNullable<OpenedBench["picture"]> {
  let inside: Promise<Map<string, Uint8Array>> | undefined;
  return async ({ itemId }, folder) => {
    inside ??= readHalbenchPictures(questions);
    const bytes = (await inside).get(itemId);
    if (bytes !== undefined || folder === undefined) return bytes;
    const number = itemId.padStart(12, "0");
    const names = [...["val", "train"].map((split) => `COCO_${split}2014_${number}.jpg`), `${number}.jpg`];
    for (const name of names) {
      const file = await readFile(join(folder, name)).catch(() => undefined);
      if (file !== undefined) return file;
    }
    throw new EvaluationError(
      `item ${itemId}: its picture is neither in ${questions} nor as ${names[0]} in ${folder}`,
      "give the official questions, which have their pictures, with --items; or COCO's pictures with --images DIR",
    );
  };
}

/** The benchmark's own file, or answers: they repeat their questions. */
async function questionsIn(path: string): Promise<Question[]> {
  try {
    return await readHalbenchQuestions(path);
  } catch (notQuestions) {
    const { questions } = await readHalbenchAnswers(path).catch(() => {
      throw notQuestions;
    });
    return questions;
  }
}

async function extractionOf({ extraction = "wink", extractions }: BenchOptions): Promise<Extraction> {
  if (extraction === "wink" || extraction === "llm") return { by: extraction };
  if (extraction !== "stored") {
    throw new EvaluationError(`--extraction ${extraction} is not known`, "choose wink, llm or stored");
  }
  if (extractions === undefined) {
    throw new EvaluationError("--extraction stored needs the extractions", "give them with --extractions FILE");
  }
  return readHalbenchExtractions(extractions);
}

async function ownVocabulary(path: string): Promise<Vocabulary> {
  const text = await readFile(path, "utf8").catch(() => {
    throw new EvaluationError(`cannot read ${path}`, "give a table like RLAIF-V's synonyms_refine.txt");
  });
  return vocabularyOf(parseClassWords(text));
}
