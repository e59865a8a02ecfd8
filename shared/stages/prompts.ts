/**
 * The words put to dividers, questioners and labelers: ours, for any instruct model. Presets may replace them. Questions,
 * answers and claims enter as data, without control tokens; what is stored stays as it was said.
 */

import type { z } from "zod";
import type { PromptStyle } from "../presets.ts";
import type { ResponseFormat } from "../schemas/chat.ts";
import { neutraliseControlTokens } from "./control-tokens.ts";
import { fillTemplate } from "./text.ts";

type Format = z.infer<typeof ResponseFormat>;

const DIVIDE_TASK = `Below are a question about a picture and an answer to it. List every statement the answer makes about what can be seen in the picture.
Rules:
- One thing per statement: an object that is there, or one attribute, number, place, action, text or relation.
- Every statement is a short full sentence that is understood without the others: repeat the noun, write no pronoun.
- Take each statement over as the answer makes it, even if it seems wrong. Add nothing, merge nothing, skip nothing.
- Leave out opinions, moods, advice, and remarks that are not about the picture.`;

const QUESTION_TASK = `Turn each statement below into a yes-or-no question that is answered "yes" exactly when the statement is true.
Rules:
- One question per statement, in the same order, the same number of them.
- Keep the words, the tense and the details of the statement; add nothing.
- If a statement denies something, the question keeps the denial.`;

/** How the reply shall look: by schema where the server obeys one, else as bullets. */
export type Shape = "json" | "list";

const AS_LIST = `Reply with the list only: one per line, each line beginning with "- ".`;
const IF_NONE = {
  json: "Without any statement, the list is empty.",
  list: "If there is no statement, reply with the word: none",
};

const DIVIDE_SHAPES = {
  json: `Reply with JSON: {"claims": ["…", "…"]}.`,
  list: AS_LIST,
};
const BOTH_SHAPES = {
  json: `Reply with JSON: {"claims": [{"claim": "…", "question": "…"}]}, where the question is the statement as a yes-or-no question that is answered "yes" exactly when the statement is true.`,
  list: `Reply with the list only, one statement per line: "- ", the statement, " || ", and the statement as a yes-or-no question that is answered "yes" exactly when the statement is true.`,
};
const QUESTION_SHAPES = { json: `Reply with JSON: {"questions": ["…", "…"]}.`, list: AS_LIST };

/** The answer stands last, under a line `Answer:`, so that it is found by machines too. */
export function dividePrompt(input: {
  question: string;
  answer: string;
  shape: Shape;
  withQuestions: boolean;
}): string {
  const shapes = input.withQuestions ? BOTH_SHAPES : DIVIDE_SHAPES;
  return `${DIVIDE_TASK}
${shapes[input.shape]} ${IF_NONE[input.shape]}

Question:
${neutraliseControlTokens(input.question)}

Answer:
${neutraliseControlTokens(input.answer)}`;
}

/** The statements stand last, under a line `Statements:`, one bullet each. */
export function questionPrompt(statements: readonly string[], shape: Shape): string {
  return `${QUESTION_TASK}
${QUESTION_SHAPES[shape]}

Statements:
${bullets(statements)}`;
}

/** A preset's own words with the values put in. */
export function presetPrompt({ template }: PromptStyle, values: Readonly<Record<string, string>>): string {
  const data = Object.entries(values).map(([name, value]) => [name, neutraliseControlTokens(value)]);
  return fillTemplate(template, Object.fromEntries(data));
}

/** What a labeler reads after the image: the claim question on the first line, then this. */
export const YES_NO_INSTRUCTION = "Answer with one word: yes or no.";

/** What stands beside the image in a labeler's turn. */
export function labelPrompt(claimQuestion: string): string {
  return `${neutraliseControlTokens(claimQuestion)}\n${YES_NO_INSTRUCTION}`;
}

/** One `- ` line an item. */
export function bullets(items: readonly string[]): string {
  return items.map((item) => `- ${neutraliseControlTokens(item)}`).join("\n");
}

export const CLAIMS_FORMAT: Format = listFormat("claims", { type: "string" });
export const CLAIMS_AND_QUESTIONS_FORMAT: Format = listFormat("claims", {
  type: "object",
  properties: { claim: { type: "string" }, question: { type: "string" } },
  required: ["claim", "question"],
  additionalProperties: false,
});
export const QUESTIONS_FORMAT: Format = listFormat("questions", { type: "string" });

function listFormat(name: string, items: Record<string, unknown>): Format {
  const schema = {
    type: "object",
    properties: { [name]: { type: "array", items } },
    required: [name],
    additionalProperties: false,
  };
  return { type: "json_schema", json_schema: { name, strict: true, schema } };
}
