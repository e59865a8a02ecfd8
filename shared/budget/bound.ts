/** How many tokens a request of a stage may be billed for at most, told before it is asked. */
import type { ChatRequest, Usage } from "../schemas/chat.ts";
import { IMAGE_TOKENS_BOUND, tokenBound } from "./cost.ts";

type Body = ChatRequest["body"];

/** Pixels of an image as it is sent. */
export type ImageSize = { width: number; height: number };

/** Role names and separators that a chat template puts around one message: Llama 3 puts 5, ChatML 5. Our choice above them. */
const TEMPLATE_TOKENS_PER_MESSAGE = 16;
/** What a template says of its own accord: Vicuna's and Qwen's default system prompts, Llama 3.1's dates. Our choice above those. */
const TEMPLATE_TOKENS = 128;

/** Qwen2.5-VL: one token for each 28 × 28 pixels (patches of 14, merged two by two), sides rounded to multiples of 28. */
const PIXELS_PER_SIDE = 28;
/** Qwen2.5-VL's own `max_pixels`, 12,845,056 = 16,384 · 28²: larger images are made smaller. */
const MOST_IMAGE_TOKENS = 16_384;
/** Begin and end of the image in the prompt, and marks between tiles. Our choice. */
const IMAGE_MARKS = 64;

/**
 * Tokens of one image. A server that bills images by another measure (some of OpenAI's mini models multiply them) can
 * pass this bound: what it costs above is told as the loss `cost_above_bound`.
 * @param size unknown: the most an image may have
 */
export function imageTokenBound(size: ImageSize | undefined): number {
  if (size === undefined) return MOST_IMAGE_TOKENS + IMAGE_MARKS;
  const squares = Math.ceil(size.width / PIXELS_PER_SIDE) * Math.ceil(size.height / PIXELS_PER_SIDE);
  return Math.min(MOST_IMAGE_TOKENS, Math.max(IMAGE_TOKENS_BOUND, squares)) + IMAGE_MARKS;
}

/** @param sizeOf the size of the image behind an `image_url` */
export function requestBound(body: Body, sizeOf: (url: string) => ImageSize | undefined): Usage {
  if (body.max_tokens === undefined) throw new RangeError("max_tokens: a request without it has no bound of its cost");
  const parts = body.messages.flatMap(({ content }) =>
    typeof content === "string" ? [{ type: "text" as const, text: content }] : content,
  );
  const images = parts.flatMap((part) => (part.type === "image_url" ? [part.image_url.url] : []));
  const text = parts.reduce((sum, part) => sum + (part.type === "text" ? byteLength(part.text) : 0), 0);
  // Some servers put the schema of the reply into the prompt.
  const schema = body.response_format === undefined ? 0 : byteLength(JSON.stringify(body.response_format));
  return tokenBound({
    promptBytes: TEMPLATE_TOKENS + TEMPLATE_TOKENS_PER_MESSAGE * body.messages.length + schema + text,
    images: images.length,
    imageTokens: images.reduce((sum, url) => sum + imageTokenBound(sizeOf(url)), 0),
    maxTokens: body.max_tokens,
    n: body.n ?? 1,
  });
}

const byteLength = (text: string): number => new TextEncoder().encode(text).length;
