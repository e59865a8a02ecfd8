/** POPE's question files (github.com/AoiDragon/POPE, output/) and answers to them: JSON Lines all of them. */
import { basename } from "node:path";
import { z } from "zod";
import type { PopeItem } from "../../../shared/evaluation/pope/pope.ts";
import { EvaluationAnswer } from "../../../shared/schemas/evaluation.ts";
import { readJsonLines } from "../files.ts";
import { EvaluationError } from "../problems.ts";

const Question = z.object({
  question_id: z.int(),
  image: z.string().min(1),
  text: z.string().min(1),
  label: z.enum(["yes", "no"]),
});

const { pYes, pNo } = EvaluationAnswer.shape;
/** evaluate.py reads `answer` in the order of the questions; LLaVA's files have `question_id` and `text`. */
const Answer = z.object({
  question_id: z.int().optional(),
  question: z.string().optional(),
  answer: z.string().nullish(),
  text: z.string().nullish(),
  pYes,
  pNo,
});

/** "coco_pope_random.json" is of the setting "random". */
export const settingOf = (path: string): string =>
  basename(path)
    .replace(/\.jsonl?$/, "")
    .split("_")
    .at(-1)!;

/**
 * The questions of one file; an item's name is `<setting>/<question_id>`.
 * @throws EvaluationError naming the line, or a question that is there twice
 */
export async function loadPope(path: string, setting = settingOf(path)): Promise<PopeItem[]> {
  const questions = await readJsonLines(path, Question);
  const seen = new Set<number>();
  return questions.map(({ question_id: id, image, text, label }) => {
    if (seen.has(id)) throw new EvaluationError(`${path} has question ${id} twice`, "keep one of them");
    seen.add(id);
    return { itemId: `${setting}/${id}`, image, question: text, label, setting };
  });
}

/**
 * Answers to the questions of one file. Lines with a `question_id` are found by it; where no line has one, line n
 * answers question n, and there must be as many lines as questions.
 * @param items of this one file, in its order
 */
export async function loadPopeAnswers(path: string, items: readonly PopeItem[]): Promise<EvaluationAnswer[]> {
  const lines = await readJsonLines(path, Answer);
  const named = lines.filter(({ question_id }) => question_id !== undefined).length;
  if (named !== 0 && named !== lines.length) {
    throw new EvaluationError(
      `${path}: some lines have a question_id and some have none`,
      "give it to all, or to none",
    );
  }
  if (named === 0 && lines.length !== items.length) {
    throw new EvaluationError(
      `${path} has ${lines.length} answers to ${items.length} questions, and no question_id tells which`,
      "add the question_id to each line",
    );
  }
  const prefix = items[0] === undefined ? "" : `${items[0].setting}/`;
  const known = new Set(items.map(({ itemId }) => itemId));
  return lines.map(({ question_id, question, answer, text, ...masses }, at) => {
    const itemId = question_id === undefined ? items[at]!.itemId : `${prefix}${question_id}`;
    if (!known.has(itemId))
      throw new EvaluationError(`${path}: there is no question ${itemId}`, "give the answers to these questions");
    if (question_id === undefined && question !== undefined && question !== items[at]!.question) {
      throw new EvaluationError(
        `${path}, answer ${at + 1} is to "${question}", but question ${itemId} is "${items[at]!.question}"`,
        "give the file in the order of the questions",
      );
    }
    return { itemId, text: answer ?? text ?? null, ...masses };
  });
}
