/** MMHal-Bench's files as RLAIF-V has them: the answer template, answers, and the judge's stored replies. */
import { z } from "zod";
import { answerHash } from "../../../shared/evaluation/digest.ts";
import { MMHAL_ITEMS, type MmhalItem, mmhalItemId, mmhalType } from "../../../shared/evaluation/mmhal/mmhal.ts";
import type { EvaluationAnswer, JudgeCall } from "../../../shared/schemas/evaluation.ts";
import { readAnswers, readCalls, readJsonLines } from "../files.ts";
import { answerText, imageName, isArrayFile, readJsonFile } from "../json-file.ts";
import { EvaluationError } from "../problems.ts";

const Template = z.array(
  z.object({
    question_type: z.string(),
    question_topic: z.string(),
    image_id: z.string().min(1),
    image_src: z.string().min(1),
    image_content: z.array(z.string()),
    question: z.string().min(1),
    gt_answer: z.string().min(1),
  }),
);

/**
 * The 96 items of the answer template, in its order, which tells their types.
 * @throws EvaluationError naming the file, the entry (from 0) and the field
 */
export async function loadMmhal(path: string): Promise<MmhalItem[]> {
  const records = await readJsonFile(path, Template);
  checkCount(path, records.length, "items");
  return records.map((record, index) => {
    if (record.question_type !== mmhalType(index)) {
      throw new EvaluationError(
        `${path}: ${index}.question_type: "${record.question_type}" stands where "${mmhalType(index)}" belongs`,
        "give the official file in its own order: an item's type is its place modulo 8",
      );
    }
    return {
      itemId: mmhalItemId(index),
      image: imageName(record.image_src),
      question: record.question,
      index,
      topic: record.question_topic,
      imageUrl: record.image_src,
      contents: record.image_content,
      reference: record.gt_answer,
    };
  });
}

function checkCount(path: string, count: number, noun: string): void {
  if (count === MMHAL_ITEMS) return;
  throw new EvaluationError(
    `${path} has ${count} ${noun}, and MMHal-Bench has ${MMHAL_ITEMS} items`,
    "give one entry for each item, in the order of the official file",
  );
}

const Filled = z.array(z.object({ question: z.string(), model_answer: z.string().nullable() }));
const Named = z.looseObject({ itemId: z.unknown().optional() });
const Line = z.object({ text: z.string().nullable(), question: z.string().optional() });

/**
 * Answers as the filled template, as JSON Lines with `text` in the order of the items, or in this project's own form.
 * Empty ones are missing.
 */
export async function loadMmhalAnswers(path: string, items: readonly MmhalItem[]): Promise<EvaluationAnswer[]> {
  if (await isArrayFile(path)) {
    const filled = await readJsonFile(path, Filled);
    return inOrder(
      path,
      filled.map(({ question, model_answer }) => ({ question, text: model_answer })),
      items,
    );
  }
  const [first] = await readJsonLines(path, Named);
  if (first?.itemId !== undefined) return readAnswers(path);
  return inOrder(path, await readJsonLines(path, Line), items);
}

type Given = { text: string | null; question?: string | undefined };

function inOrder(path: string, given: readonly Given[], items: readonly MmhalItem[]): EvaluationAnswer[] {
  checkCount(path, given.length, "answers");
  return items.map(({ itemId, question }, index) => {
    const one = given[index]!;
    checkQuestion(one.question, question, `${path}: entry ${index}`);
    return { itemId, text: answerText(one.text) };
  });
}

function checkQuestion(given: string | undefined, question: string, where: string): void {
  if (given === undefined || given === question) return;
  throw new EvaluationError(
    `${where}: question: "${given}" is not the item's "${question}"`,
    "give the entries in the order of the official file",
  );
}

/** A chat response as eval_gpt_mmhal.py stores it (`….mmhal_test_eval.json`). */
const Response = z.object({
  model: z.string().optional(),
  choices: z.array(z.object({ message: z.object({ content: z.string().nullable() }) })).min(1),
});
/** A record of `….merge_gpt4_score.json`. */
const Merged = z.object({
  question: z.string(),
  model_answer: z.string().nullable(),
  gpt4_review: z.string().nullable(),
});

/** What the official files leave out of a call: the prompt is the script's own, asked once at temperature 0. */
const OFFICIAL = { kind: "rate", repetition: 0, revision: "not told", temperature: 0, promptHash: "eval_gpt_mmhal.py" };

/**
 * The judge's replies: an array of chat responses or of merged records in the order of the items, or judge calls in this
 * project's own form. Chat responses do not tell which answer they are about: they are taken to be about `answers`.
 */
export async function loadMmhalReplies(
  path: string,
  items: readonly MmhalItem[],
  answers: readonly EvaluationAnswer[],
): Promise<JudgeCall[]> {
  if (!(await isArrayFile(path))) return readCalls(path);
  const answerOf = new Map(answers.map((answer) => [answer.itemId, answer]));
  const records = await recordsOf(path);
  checkCount(path, records.length, "replies");
  return items.map((item, index): JudgeCall => {
    const { itemId } = item;
    const answer = answerOf.get(itemId) ?? { itemId, text: null };
    const record = records[index]!;
    if (record.about !== undefined) checkAbout(record.about, { item, answer, where: `${path}: entry ${index}` });
    const asked = { ...OFFICIAL, itemId, answerHash: answerHash(answer), model: record.model ?? "not told" };
    const { reply } = record;
    return reply === null ? { ...asked, reply, failure: "empty: the stored reply has no text" } : { ...asked, reply };
  });
}

type About = { question: string; text: string | null };
type Stored = { reply: string | null; model?: string | undefined; about?: About };

async function recordsOf(path: string): Promise<Stored[]> {
  const records = await readJsonFile(path, z.array(z.looseObject({})));
  if (records[0] !== undefined && "choices" in records[0]) {
    const responses = await readJsonFile(path, z.array(Response));
    return responses.map(({ model, choices }) => ({ reply: choices[0]!.message.content, model }));
  }
  const merged = await readJsonFile(path, z.array(Merged));
  return merged.map(({ question, model_answer, gpt4_review }) => ({
    reply: gpt4_review,
    about: { question, text: model_answer },
  }));
}

/** RLAIF-V's own conversion removes the role and the white space around an answer. */
const plain = (text: string | null): string => (text ?? "").replaceAll("Assistant:", "").trim();

function checkAbout(
  about: About,
  { item, answer, where }: { item: MmhalItem; answer: EvaluationAnswer; where: string },
) {
  checkQuestion(about.question, item.question, where);
  if (plain(about.text) === plain(answer.text)) return;
  throw new EvaluationError(
    `${where}: model_answer: "${plain(about.text).slice(0, 80)}" is not the answer of item ${item.itemId}`,
    "give --answers and --replies of the same model; the merged file itself can be both",
  );
}
