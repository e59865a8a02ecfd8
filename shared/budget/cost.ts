/** What a shard costs: before it runs (an upper bound) and after (what it used). */
import type { Usage } from "../schemas/chat.ts";
import type { ModelRef } from "../schemas/config.ts";
import { COMPUTE_PRICES, toMicros } from "./prices.ts";

const TOKENS_PER_PRICE = 1_000_000;

/** Cost in USD micros of what a model used. The embedded engine is paid by time, a server by its price per token. */
export function costMicros(model: ModelRef, used: { usage: Usage; seconds: number }): number {
  if (model.engine === "embedded") return toMicros(used.seconds * COMPUTE_PRICES["cpu-core"]);
  const price = model.price ?? { input: 0, output: 0 };
  return toMicros(
    (used.usage.prompt_tokens * price.input + used.usage.completion_tokens * price.output) / TOKENS_PER_PRICE,
  );
}

/** Tokens one image may cost in a prompt: the most a tiled encoder makes of it (InternVL-class, 12 tiles of 256 + 1). Our choice of bound. */
export const IMAGE_TOKENS_BOUND = 3328;
/** Fewer bytes a token than ordinary English has (about four). Our choice; scripts with less than two bytes a token, and a
 * server's own chat template, can pass it. */
const BYTES_PER_TOKEN = 2;

/** Upper bound of the tokens of one request. */
export function tokenBound(request: { promptBytes: number; images: number; maxTokens: number; n: number }): Usage {
  const prompt = Math.ceil(request.promptBytes / BYTES_PER_TOKEN) + request.images * IMAGE_TOKENS_BOUND;
  const completion = request.maxTokens * request.n;
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
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
