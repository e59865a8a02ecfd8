import { sha256Hex } from "../../../shared/ids.ts";
import type { TokenLogprobs } from "../../../shared/ports/engine.ts";
import type { ChatBody, ChatCompletion } from "../../../shared/schemas/chat.ts";
import { IMAGE_TOKENS } from "../model/architecture.ts";
import { VOCABULARY } from "../model/tokenizer.ts";
import { logSoftmax } from "../sampling/choose.ts";

/** The chosen token and its strongest rivals, nats, under the model itself: temperature and top_p change no logprob. */
export function tokenLogprobs(logits: ArrayLike<number>, id: number, top: number): TokenLogprobs {
  const logprobs = logSoftmax(logits);
  const named = (token: number) => ({ token: VOCABULARY[token]!, logprob: logprobs[token]! });
  const order = Array.from(logprobs.keys()).sort((a, b) => logprobs[b]! - logprobs[a]! || a - b);
  return { ...named(id), top_logprobs: order.slice(0, top).map(named) };
}

export type ChoiceParts = { text: string; reason: "stop" | "length"; tokens: number; logprobs?: TokenLogprobs[] };

/** A completion in OpenAI's shape. Its id follows from the request, so that the same request has the same reply, byte for byte. */
export function completionOf(body: ChatBody, promptTokens: number, choices: readonly ChoiceParts[]): ChatCompletion {
  const completionTokens = choices.reduce((sum, { tokens }) => sum + tokens, 0);
  return {
    id: `chatcmpl-${sha256Hex(JSON.stringify(body)).slice(0, 24)}`,
    object: "chat.completion",
    created: 0, // no clock: a reply depends on its request alone
    model: body.model,
    choices: choices.map(({ text, reason, logprobs }, index) => ({
      index,
      finish_reason: reason,
      message: { role: "assistant", content: text },
      ...(logprobs ? { logprobs: { content: logprobs } } : {}),
    })),
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
    },
  };
}

/** A picture counts as its nine tokens. */
export const promptTokens = (ids: readonly number[]): number => IMAGE_TOKENS + ids.length;

/** Text models count words: they have no tokens of their own. */
export const wordTokens = (text: string): number => text.split(/\s+/).filter((word) => word !== "").length;
