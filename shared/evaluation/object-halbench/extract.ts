/** The words put to an extractor of objects, ours, and what its replies mean. */
import type { z } from "zod";
import { sha256Hex } from "../../ids.ts";
import type { ResponseFormat } from "../../schemas/chat.ts";
import { parseList } from "../../stages/lists.ts";
import { DATA_RULE, fenced } from "../fence.ts";

const TASK = `You get a question about a picture and a model's answer to it. You do not see the picture: take the answer for right. List the objects that the answer says are visible in the picture.
Rules:
- Only objects that the answer names itself. Add none that merely would fit, and none that it says are not there.
- Names alone: no colour, material, size, number or other attribute.
- One entry per object name, in the singular where there is one.
- People, animals and parts of the scenery are objects too; moods, styles, light and actions are not.`;

const SHAPES = {
  json: 'Reply with JSON only: {"objects": ["…", "…"]}. The list is empty if the answer names no object.',
  text: 'Reply with a JSON list of strings only: ["…", "…"]. It is [] if the answer names no object.',
};

const FORMAT: z.infer<typeof ResponseFormat> = {
  type: "json_schema",
  json_schema: {
    name: "objects",
    strict: true,
    schema: {
      type: "object",
      properties: { objects: { type: "array", items: { type: "string" } } },
      required: ["objects"],
      additionalProperties: false,
    },
  },
};

/** The extractor's whole message. */
export function extractPrompt({ question, answer }: { question: string; answer: string }, structured: boolean): string {
  return [
    TASK,
    DATA_RULE,
    fenced("question", question),
    fenced("the model's answer", answer),
    `Now list the objects. ${structured ? SHAPES.json : SHAPES.text}`,
  ].join("\n\n");
}

/** What a request carries beside its message. */
export const extractFormat = (structured: boolean) => (structured ? { response_format: FORMAT } : {});

/** SHA-256 of the prompt and reply format with names in place of the item's words. */
export function extractPromptHash(structured: boolean): string {
  const prompt = extractPrompt({ question: "{question}", answer: "{answer}" }, structured);
  return sha256Hex(prompt + JSON.stringify(extractFormat(structured)));
}

/** A longer reply is no list of objects: it is not read (our choice). */
const LONGEST_REPLY = 20_000; // characters; the request's 512 tokens are about 2,000

/** The listed object names; undefined where the reply holds no list. */
export function objectsIn(reply: string): string[] | undefined {
  if (reply.length > LONGEST_REPLY) return undefined;
  if (/^\s*(?:```(?:json)?\s*)?\(\s*\)/.test(reply)) return []; // RLAIF-V's prompt writes the empty list so
  const list = parseList(reply);
  return list.outcome === "list" ? list.items.map(({ text }) => text) : undefined;
}
