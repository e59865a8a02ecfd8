/** An answer as OpenAI's server-sent events. */
import type { ChatDelta } from "../../../shared/ports/engine.ts";
import { apiErrorFrom } from "./errors.ts";
import type { AnswerPart } from "./parts.ts";

export type ChunkHead = { id: string; created: number; model: string; system_fingerprint: string };

/**
 * The events' text: a role for each choice, its text, its finish, the trust and the usage if asked for, `[DONE]`.
 * An error in the middle becomes an `error` event, which the official clients throw.
 */
export async function* eventsOf(
  parts: AsyncIterable<AnswerPart>,
  { head, includeUsage }: { head: ChunkHead; includeUsage: boolean },
): AsyncGenerator<string> {
  const begun = new Set<number>();
  const chunk = (choices: unknown[], more: object = {}) =>
    event({ ...head, object: "chat.completion.chunk", choices, ...(includeUsage ? { usage: null } : {}), ...more });
  try {
    for await (const part of parts) {
      if (part.kind === "trust") yield chunk([], { trust: part.trust });
      else if (part.kind !== "usage") {
        if (!begun.has(part.choice)) yield chunk([roleOf(part.choice)]);
        begun.add(part.choice);
        yield chunk([choiceOf(part)]);
      } else if (includeUsage) yield chunk([], { usage: part.usage });
    }
    yield "data: [DONE]\n\n";
  } catch (error) {
    yield event(apiErrorFrom(error).body());
  }
}

function roleOf(index: number) {
  return { index, delta: { role: "assistant", content: "" }, logprobs: null, finish_reason: null };
}

function choiceOf(delta: Exclude<ChatDelta, { kind: "usage" }>) {
  const index = delta.choice;
  if (delta.kind === "finish") return { index, delta: {}, logprobs: null, finish_reason: delta.reason };
  const logprobs = delta.logprobs === undefined ? null : { content: delta.logprobs, refusal: null };
  return { index, delta: { content: delta.text }, logprobs, finish_reason: null };
}

function event(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
