import type { ChatBody, RequestFailure } from "../../../shared/schemas/chat.ts";

/** A request that cannot be answered, now or later; the message names the field and the way out. */
export class BadRequest extends Error {
  readonly failure: RequestFailure;
  constructor(code: string, message: string) {
    super(message);
    this.failure = { code, message, retryable: false };
  }
}

/** What the engine reads from a chat: the last user message, its text and its pictures. */
export type Turn = { text: string; images: string[] };

export function lastTurn({ messages }: ChatBody): Turn {
  const at = messages.findLastIndex(({ role }) => role === "user");
  const content = messages[at]?.content;
  if (content === undefined)
    throw new BadRequest("no_user_message", "messages: the last turn must be a user message; there is none");
  if (typeof content === "string") return { text: content, images: [] };
  const text = content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
  return { text, images: content.flatMap((part) => (part.type === "image_url" ? [part.image_url.url] : [])) };
}

/** The one picture a seeing model needs. */
export function onlyImage({ images }: Turn): string {
  const [image, ...others] = images;
  if (image === undefined)
    throw new BadRequest("image_missing", "messages: this model looks at pictures; add one image_url part");
  if (others.length > 0)
    throw new BadRequest("too_many_images", `messages: ${images.length} pictures in one message; send one`);
  return image;
}

export type Decoding = {
  choices: number;
  temperature: number;
  topP: number;
  maxTokens: number;
  seed: number;
  stop: string[];
  /** How many alternatives to list for each token; `undefined` without logprobs. */
  topLogprobs: number | undefined;
};

/** OpenAI's defaults: one choice, temperature 1. Without a seed the seed is 0: the engine never draws from the clock. */
export function decodingOf(body: ChatBody): Decoding {
  return {
    choices: body.n ?? 1,
    temperature: body.temperature ?? 1,
    topP: body.top_p ?? 1,
    maxTokens: body.max_tokens ?? Number.POSITIVE_INFINITY,
    seed: body.seed ?? 0,
    stop: [body.stop ?? []].flat().filter((text) => text !== ""),
    topLogprobs: body.logprobs ? (body.top_logprobs ?? 0) : undefined,
  };
}
