/** Upper bounds of what the requests of one user's request use. */
import { type ImageSize, requestBound } from "../../shared/budget/bound.ts";
import { costMicros } from "../../shared/budget/cost.ts";
import type { ChatBody, Usage } from "../../shared/schemas/chat.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";

/** The embedded engine makes nine tokens of a picture (functions/embedded/model/architecture.ts). */
const EMBEDDED_IMAGE_TOKENS = 16;

export type SizeOf = (url: string) => ImageSize | undefined;

/** As `requestBound`, with pictures as the engine that is asked reads them. */
export function usageBound({ engine }: Pick<ModelRef, "engine">, body: Omit<ChatBody, "model">, sizeOf: SizeOf): Usage {
  if (engine !== "embedded") return requestBound(body, sizeOf);
  let images = 0;
  const messages = body.messages.map(({ role, content }) => {
    if (typeof content === "string") return { role, content };
    const texts = content.filter((part) => part.type === "text");
    images += content.length - texts.length;
    return { role, content: texts };
  });
  const { completion_tokens, ...texts } = requestBound({ ...body, messages }, sizeOf);
  const prompt_tokens = texts.prompt_tokens + images * EMBEDDED_IMAGE_TOKENS * (body.n ?? 1);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

/** What a server is paid for tokens; the embedded engine is paid by time. */
export const serverMicros = (ref: ModelRef, usage: Usage): number => costMicros(ref, { usage, seconds: 0 });

/** The part of a bound that is used before the first word of an answer. */
export function promptOnly({ prompt_tokens }: Usage): Usage {
  return { prompt_tokens, completion_tokens: 0, total_tokens: prompt_tokens };
}
