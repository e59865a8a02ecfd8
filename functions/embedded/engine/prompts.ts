import { PROMPT_LENGTH } from "../model/prompt-graph.ts";
import { questionIds } from "../model/rows.ts";
import { CAPTION, encode, tokenId } from "../model/tokenizer.ts";
import { parseQuestion } from "../world/parse.ts";

/** How the model is to answer: with a caption, or with the word or two that answer a question it was taught. */
export type PromptReading =
  | { mode: "caption"; ids: number[] }
  | { mode: "question"; ids: number[] }
  | { mode: "stranger" };

const WHERE = /^where is (?:the|a) (\w+)\?$/;
const HOW_MANY = /^how many (\w+)s\?$/;

/** The question itself: instructions such as "Answer yes or no." stand below the first line and are not for this model. */
const firstLine = (text: string): string => text.trim().split("\n", 1)[0]!.trim();

function isTaught(question: string): boolean {
  const plain = question.toLowerCase();
  if (parseQuestion(plain)) return true;
  return WHERE.test(plain) || HOW_MANY.test(plain);
}

/**
 * Reads what is asked. Questions of this world's grammar are answered as questions; anything else a policy takes as a
 * wish for a caption, while for a labeler it is a stranger.
 */
export function readPrompt(text: string, role: "policy" | "labeler"): PromptReading {
  const question = firstLine(text);
  const known = isTaught(question) && encode(question).unknown.length === 0;
  const ids = known ? questionIds(question) : [];
  if (known && ids.length <= PROMPT_LENGTH) return { mode: "question", ids };
  return role === "policy" ? { mode: "caption", ids: [CAPTION] } : { mode: "stranger" };
}

const COMPLETE = new Set("yes no none one two three top center bottom".split(" ").map(tokenId));

/** Answers to questions have no end token: these words complete them ("yes", "left top"). */
export const completesAnswer = (ids: readonly number[]): boolean => COMPLETE.has(ids.at(-1)!);
