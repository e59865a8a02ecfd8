/** Object HalBench's files in the official layouts (RLAIF-V, rlaifv-spec §4.1), and RLAIF-V's own results. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { truthOf } from "../../../shared/evaluation/object-halbench/fold.ts";
import type { Extraction, ObjectHalbenchItem } from "../../../shared/evaluation/object-halbench/object-halbench.ts";
import { COCO_VOCABULARY, type Vocabulary } from "../../../shared/evaluation/object-halbench/vocabulary.ts";
import { sha256Hex } from "../../../shared/ids.ts";
import type { EvaluationAnswer } from "../../../shared/schemas/evaluation.ts";
import { readJsonLines } from "../files.ts";
import { EvaluationError } from "../problems.ts";
import type { CocoIndex } from "./coco-index.ts";

/** COCO's number of the image, as a number or as its digits. */
const ImageId = z.union([
  z.int().min(0),
  z.string().regex(/^\d+$/, "must be COCO's number of the image").transform(Number),
]);

/** `prompt` and `text` are the official names; RLAIF-V's script reads `question` and `answer` too. */
const AnswerRow = z
  .looseObject({
    image_id: ImageId,
    prompt: z.string().optional(),
    question: z.string().optional(),
    text: z.string().nullish(),
    answer: z.string().nullish(),
    model_id: z.string().optional(),
  })
  .refine(({ text, answer }) => text !== undefined || answer !== undefined, {
    path: ["text"],
    message: "it is missing",
  });

const QuestionRow = z.looseObject({ image_id: ImageId, question: z.string(), image: z.string().optional() });

const PictureRow = QuestionRow.pick({ image_id: true, image: true }).loose();

/** One picture's question; `itemId` is COCO's number. */
export type Question = { itemId: string; imageId: number; image: string; question: string };

export type StoredAnswers = {
  answers: EvaluationAnswer[];
  /** The questions as the answers repeat them, for when the question file is not at hand. */
  questions: Question[];
  /** What the file says its model is; null where it says nothing, or several things. */
  model: string | null;
};

const imageName = (imageId: number): string => `coco-${imageId}`;

/** RLAIF-V cuts the turn's name off before it counts anything. */
const cleaned = (text: string): string => text.replaceAll("Assistant:", "").trim();

/** Answers, one JSON a line. @throws EvaluationError with line and field; for two answers to one image, too */
export async function readHalbenchAnswers(path: string): Promise<StoredAnswers> {
  const rows = await readJsonLines(path, AnswerRow);
  needOneEach(
    path,
    rows.map((row) => row.image_id),
  );
  const models = new Set(rows.map(({ model_id }) => model_id));
  return {
    answers: rows.map(({ image_id, text, answer }) => {
      const said = text ?? answer ?? null;
      return { itemId: String(image_id), text: said === null ? null : cleaned(said) };
    }),
    questions: rows.map((row) => questionOf(row.image_id, row.prompt ?? row.question ?? "")),
    model: models.size === 1 ? ([...models][0] ?? null) : null,
  };
}

function questionOf(imageId: number, question: string): Question {
  return { itemId: String(imageId), imageId, image: imageName(imageId), question };
}

function needOneEach(path: string, imageIds: readonly number[]): void {
  const seen = new Set<number>();
  for (const id of imageIds) {
    if (seen.has(id))
      throw new EvaluationError(`${path}: image_id ${id} stands there twice`, "keep one record for each image");
    seen.add(id);
  }
}

/**
 * The benchmark's questions, e.g. `obj_halbench_300_with_image.jsonl`. `keepImage` gets each picture's bytes; the item then
 * names it by its SHA-256.
 */
export async function readHalbenchQuestions(
  path: string,
  keepImage?: (sha256: string, bytes: Uint8Array) => Promise<void>,
): Promise<Question[]> {
  const questions: Question[] = [];
  for (const { image_id, question, image } of await readJsonLines(path, QuestionRow)) {
    const item = questionOf(image_id, question);
    if (image !== undefined && keepImage !== undefined) {
      const bytes = imageBytes(image, `${path}, image_id ${image_id}`);
      item.image = sha256Hex(bytes);
      await keepImage(item.image, bytes);
    }
    questions.push(item);
  }
  needOneEach(
    path,
    questions.map(({ imageId }) => imageId),
  );
  return questions;
}

function imageBytes(base64: string, where: string): Uint8Array {
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length > 0 && /^[\w+/-]+={0,2}\s*$/.test(base64.slice(-64))) return bytes;
  throw new EvaluationError(`${where}: image: it is no base64`, "take the official file unchanged");
}

/** The pictures that stand in a question file, by item; none where it has none. */
export async function readHalbenchPictures(path: string): Promise<Map<string, Uint8Array>> {
  const pictures = new Map<string, Uint8Array>();
  for (const { image_id, image } of await readJsonLines(path, PictureRow)) {
    if (image !== undefined) pictures.set(String(image_id), imageBytes(image, `${path}, image_id ${image_id}`));
  }
  return pictures;
}

/** Items with what is in their pictures; images that COCO 2014 does not have are told and left out. */
export async function halbenchItems(
  questions: readonly Question[],
  index: Pick<CocoIndex, "evidence">,
  vocabulary: Vocabulary = COCO_VOCABULARY,
): Promise<{ items: ObjectHalbenchItem[]; unknown: Question[] }> {
  const known = await index.evidence(questions.map(({ imageId }) => imageId));
  const items = questions.flatMap(({ itemId, imageId, image, question }) => {
    const evidence = known.get(imageId);
    if (evidence === undefined) return [];
    const truth = { strict: truthOf(evidence, vocabulary, "strict"), parity: truthOf(evidence, vocabulary, "parity") };
    return [{ itemId, image, question, truth }];
  });
  return { items, unknown: questions.filter(({ imageId }) => !known.has(imageId)) };
}

const ResultFile = z.looseObject({
  sentences: z.array(
    z.looseObject({
      image_id: ImageId,
      caption: z.string(),
      /** Classes in the picture. */
      mscoco_gt_words: z.array(z.string()),
      /** Object words after RLAIF-V's normalisation, mapped or not. */
      words: z.array(z.string()),
    }),
  ),
});

/** Whether this is a result of RLAIF-V's script, and not answers or questions. */
export async function isHalbenchResult(path: string): Promise<boolean> {
  try {
    return z.looseObject({ sentences: z.array(z.unknown()) }).safeParse(await jsonOf(path)).success;
  } catch {
    return false; // JSON Lines, or no file: others say what is wrong
  }
}

type Stored = Extract<Extraction, { by: "stored" }>;

/** Everything a result of RLAIF-V (`hall_….json`) holds: it can be scored again without COCO and without a judge. */
export async function readHalbenchResult(
  path: string,
): Promise<{ items: ObjectHalbenchItem[]; answers: EvaluationAnswer[]; extraction: Stored }> {
  const checked = ResultFile.safeParse(await jsonOf(path));
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw new EvaluationError(
      `${path}: ${issue?.path.join(".") || "the file"}: ${issue?.message}`,
      "give a hall_….json of RLAIF-V's eval_gpt_obj_halbench.py",
    );
  }
  const { sentences } = checked.data;
  needOneEach(
    path,
    sentences.map(({ image_id }) => image_id),
  );
  return {
    items: sentences.map(({ image_id, mscoco_gt_words: truth }) => ({
      itemId: String(image_id),
      image: imageName(image_id),
      question: "",
      truth: { strict: truth, parity: truth },
    })),
    answers: sentences.map(({ image_id, caption }) => ({ itemId: String(image_id), text: caption })),
    extraction: {
      by: "stored",
      normalised: true,
      objects: new Map(sentences.map(({ image_id, words }) => [String(image_id), words])),
    },
  };
}

async function jsonOf(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch(() => {
    throw new EvaluationError(`cannot read ${path}`, "give the path of a file that is there");
  });
  try {
    return JSON.parse(text);
  } catch {
    throw new EvaluationError(`${path}: this is not JSON`, "give the whole file");
  }
}

const ExtractionRow = z.strictObject({ itemId: z.string(), objects: z.array(z.string()) });

/** Extractions in this project's form: `{"itemId": …, "objects": […]}` a line, as an extractor listed them. */
export async function readHalbenchExtractions(path: string): Promise<Stored> {
  const rows = await readJsonLines(path, ExtractionRow);
  const objects = new Map(rows.map((row) => [row.itemId, row.objects]));
  if (objects.size < rows.length) {
    throw new EvaluationError(`${path} has two extractions of one item`, "keep one line for each item");
  }
  return { by: "stored", normalised: false, objects };
}
