/** How much is reserved for the check of answers. It is an estimate on the safe side; the purse makes it a bound. */
import type { ChatBody, Usage } from "../../shared/schemas/chat.ts";
import type { ModelRef, RunConfig } from "../../shared/schemas/config.ts";
import { serverMicros, usageBound } from "./bounds.ts";
import type { PurseLimit } from "./purse.ts";

/** Longest a request may wait for the embedded engine. Our choice: an answer and its check take about a second. */
export const COMPUTE_SECONDS = 300;
/** Our own instructions to a divider or questioner with the schema of the reply: at most 1,165 (shared/stages/prompts.ts). */
const INSTRUCTION_BYTES = 1500;
/** Bytes a token of an answer may have here. Our choice: above the four of ordinary English. */
const BYTES_PER_TOKEN = 6;
/** A claim takes at least so many tokens of an answer. Our choice: half of what rlaifv-spec §1.10 counts. */
const TOKENS_PER_CLAIM = 8;
/** Of a claim, and as many of its question. Our choice. */
const CLAIM_BYTES = 150;
/** An image of up to 1624 × 1624 pixels counts no more than this one (shared/budget/bound.ts). */
const IMAGE = { width: 1, height: 1 };

/** `answerTokens`: the most one of them has. */
export type CheckedAnswers = { answers: number; answerTokens: number; questionBytes: number };

/**
 * Room for one check: the bound of all lists of a stage at once, what both stages' lists used, and the bound of every
 * label. An answer with more or longer claims than any text we know, or a larger picture, may not find room.
 */
export function checkLimit(config: RunConfig, { answers, answerTokens, questionBytes }: CheckedAnswers): PurseLimit {
  const claims = Math.max(4, Math.ceil(answerTokens / TOKENS_PER_CLAIM));
  const answerBytes = Math.max(BYTES_PER_TOKEN * answerTokens, claims * CLAIM_BYTES);
  const content = "x".repeat(INSTRUCTION_BYTES + questionBytes + answerBytes);
  const list = { messages: [{ role: "user" as const, content }], max_tokens: config.divide.maxTokens };
  const makers = [config.divider, config.questioner];
  const atOnce = makers.map((ref) => limitOf(ref, list, answers)).reduce(larger);
  const used = makers.map((ref) =>
    limitFor(
      ref,
      likely(
        usageBound(ref, list, () => IMAGE),
        answerTokens,
      ),
      answers,
    ),
  );
  const labels = config.labelers.map((ref) => limitOf(ref, LABEL, claims * answers));
  return [...used, ...labels].reduce(addLimits, atOnce);
}

/** A list is about twice as long as the answer, and a token has at least two bytes on average. Our choice. */
function likely({ prompt_tokens, completion_tokens }: Usage, answerTokens: number): Usage {
  const prompt = Math.ceil(prompt_tokens / 2);
  const completion = Math.min(completion_tokens, 2 * answerTokens + 64);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

const LABEL = {
  messages: [
    {
      role: "user" as const,
      content: [
        { type: "image_url" as const, image_url: { url: "blob:" } },
        { type: "text" as const, text: "x".repeat(2 * CLAIM_BYTES) },
      ],
    },
  ],
  max_tokens: 1,
};

/** Room for so many requests like one to a model. */
export function limitOf(ref: ModelRef, body: Omit<ChatBody, "model">, times = 1): PurseLimit {
  return limitFor(
    ref,
    usageBound(ref, body, () => IMAGE),
    times,
  );
}

/** Room for so much use of a model. */
export function limitFor(ref: ModelRef, most: Usage, times = 1): PurseLimit {
  return {
    tokens: times * most.total_tokens,
    serverMicros: times * serverMicros(ref, most),
    computeSeconds: ref.engine === "embedded" ? COMPUTE_SECONDS : 0,
  };
}

/** The embedded engine's time is that of the whole request, whatever part of it that is. */
export function addLimits(a: PurseLimit, b: PurseLimit): PurseLimit {
  return {
    tokens: a.tokens + b.tokens,
    serverMicros: a.serverMicros + b.serverMicros,
    computeSeconds: Math.max(a.computeSeconds, b.computeSeconds),
  };
}

function larger(a: PurseLimit, b: PurseLimit): PurseLimit {
  return {
    tokens: Math.max(a.tokens, b.tokens),
    serverMicros: Math.max(a.serverMicros, b.serverMicros),
    computeSeconds: Math.max(a.computeSeconds, b.computeSeconds),
  };
}
