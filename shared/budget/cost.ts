/** What a shard costs: before it runs (an upper bound) and after (what it used). */
import type { Usage } from "../schemas/chat.ts";
import type { ModelRef } from "../schemas/config.ts";
import { containerSeconds, gpuOf } from "./gpu-time.ts";
import { COMPUTE_PRICES, containerPrice, toMicros } from "./prices.ts";

/**
 * Cost in USD micros of what a model used. The embedded engine is paid by time, a server by its price per token, a model on
 * Modal by the time of its container: where `seconds` is 0, nobody measured it, and it is told from the tokens.
 */
export function costMicros(model: ModelRef, used: { usage: Usage; seconds: number }): number {
  if (model.engine === "embedded") return toMicros(used.seconds * COMPUTE_PRICES["cpu-core"]);
  if (model.engine === "modal") {
    const seconds = used.seconds > 0 ? used.seconds : containerSeconds(model, used.usage);
    return toMicros(seconds * containerPrice(gpuOf(model)));
  }
  const price = model.price ?? { input: 0, output: 0 };
  // USD per million tokens is the same figure as millionths of a USD per token.
  return Math.ceil(used.usage.prompt_tokens * price.input + used.usage.completion_tokens * price.output);
}

/** InternVL-class tiling: 12 tiles and a thumbnail of 256 tokens each, whatever the image's size; LLaVA-1.5 and -NeXT stay below. */
export const IMAGE_TOKENS_BOUND = 3328;
/** A token of a text stands for at least one byte of UTF-8: byte-level vocabularies end there (GPT-2's BPE, SentencePiece with byte fallback). */
const BYTES_PER_TOKEN = 1;

export type BoundedRequest = {
  promptBytes: number;
  images: number;
  /** Of all images; where their sizes are unknown, IMAGE_TOKENS_BOUND each. */
  imageTokens?: number;
  maxTokens: number;
  n: number;
};

/** Upper bound of one request's usage. The prompt counts `n` times: a server that gives one choice a request is asked `n` times. */
export function tokenBound({ promptBytes, images, imageTokens, maxTokens, n }: BoundedRequest): Usage {
  const prompt = Math.ceil(promptBytes / BYTES_PER_TOKEN) + (imageTokens ?? images * IMAGE_TOKENS_BOUND);
  const [prompt_tokens, completion_tokens] = [n * prompt, n * maxTokens];
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

export const NO_USAGE: Usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

/** Sums both, cached prompt tokens too; a server that does not tell them counts as 0. */
export function addUsage(a: Usage, b: Usage): Usage {
  return {
    prompt_tokens: a.prompt_tokens + b.prompt_tokens,
    completion_tokens: a.completion_tokens + b.completion_tokens,
    total_tokens: a.total_tokens + b.total_tokens,
    prompt_tokens_details: {
      cached_tokens: (a.prompt_tokens_details?.cached_tokens ?? 0) + (b.prompt_tokens_details?.cached_tokens ?? 0),
    },
  };
}
