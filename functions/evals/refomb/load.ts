/** RefoMB's files as RLAIF-V has them: questions with descriptions, the reference model's answers, answers to judge. */
import { z } from "zod";
import { type RefombItem, refombItemId } from "../../../shared/evaluation/refomb/refomb.ts";
import type { EvaluationAnswer } from "../../../shared/schemas/evaluation.ts";
import { readAnswers, readJsonLines } from "../files.ts";
import { answerText, imageName, isArrayFile, readJsonFile } from "../json-file.ts";
import { EvaluationError } from "../problems.ts";

const Row = z.object({
  image_url: z.string().min(1),
  question: z.string().min(1),
  description: z.string().min(1),
  type: z.string().min(1),
  answer: z.string().nullish(),
});
const Reference = Row.pick({ image_url: true, question: true, answer: true });

export type RefombFiles = {
  /** RefoMB_dev.jsonl. */
  questions: string;
  /** The reference model's answers, with the same fields; without them stored replies can be scored, and no more. */
  references?: string | undefined;
};

/**
 * The items in the order of the questions.
 * @throws EvaluationError naming the file, and the line or the question
 */
export async function loadRefomb({ questions, references }: RefombFiles): Promise<RefombItem[]> {
  const rows = once(await readJsonLines(questions, Row), questions, ({ image_url, question }) =>
    refombItemId(image_url, question),
  );
  const answers = references === undefined ? undefined : await referenceAnswers(references);
  return [...rows].map(([itemId, { image_url, question, description, type, answer }]) => {
    const reference = answers === undefined ? answerText(answer) : (answers.get(itemId) ?? null);
    if (answers !== undefined && reference === null) {
      throw new EvaluationError(
        `${references}: answer: there is none to "${question}" about ${image_url}`,
        "give the reference model's answers to all questions, e.g. RefoMB_gpt4v_dev.jsonl",
      );
    }
    return { itemId, image: imageName(image_url), question, description, type, reference };
  });
}

async function referenceAnswers(path: string): Promise<Map<string, string | null>> {
  const rows = once(await readJsonLines(path, Reference), path, (row) => refombItemId(row.image_url, row.question));
  return new Map([...rows].map(([itemId, { answer }]) => [itemId, answerText(answer)]));
}

/** By name, in the order of the file. */
function once<T extends object>(records: readonly T[], path: string, nameOf: (record: T) => string): Map<string, T> {
  const found = new Map<string, T>();
  for (const [at, record] of records.entries()) {
    const name = nameOf(record);
    if (found.has(name)) {
      throw new EvaluationError(
        `${path}: record ${at + 1}: the picture and question of item ${name} are there twice`,
        "keep one of them",
      );
    }
    found.set(name, record);
  }
  return found;
}

/** The original reads `question`, else `prompt`, and `answer`, else `text`. */
const Answer = z
  .object({
    image_url: z.string().min(1),
    question: z.string().optional(),
    prompt: z.string().optional(),
    answer: z.string().nullish(),
    text: z.string().nullish(),
  })
  .refine(({ question, prompt }) => question !== undefined || prompt !== undefined, {
    path: ["question"],
    error: "there is neither question nor prompt",
  })
  .refine(({ answer, text }) => answer !== undefined || text !== undefined, {
    path: ["answer"],
    error: "there is neither answer nor text",
  });
const Named = z.looseObject({ itemId: z.unknown().optional() });

/**
 * Answers as JSON Lines or one array, found by picture and question, or in this project's own form. Empty ones are
 * missing.
 */
export async function loadRefombAnswers(path: string, items: readonly RefombItem[]): Promise<EvaluationAnswer[]> {
  const isArray = await isArrayFile(path);
  if (!isArray && (await readJsonLines(path, Named))[0]?.itemId !== undefined) return readAnswers(path);
  const records = isArray ? await readJsonFile(path, z.array(Answer)) : await readJsonLines(path, Answer);
  const known = new Set(items.map(({ itemId }) => itemId));
  const idOf = ({ image_url, question, prompt }: z.infer<typeof Answer>) =>
    refombItemId(image_url, question ?? prompt ?? "");
  return [...once(records, path, idOf)].map(([itemId, { image_url, question, prompt, answer, text }], at) => {
    if (!known.has(itemId)) {
      throw new EvaluationError(
        `${path}: record ${at + 1}: question: "${question ?? prompt}" about ${image_url} is not in this benchmark`,
        "give answers to these questions, with image_url and question as they stand there",
      );
    }
    return { itemId, text: answerText(answer) ?? answerText(text) };
  });
}
