/** A stream of ChatDeltas as OpenAI's server-sent events. */
import type { ChatDelta } from "../../shared/ports/engine.ts";
import { apiErrorFrom } from "./errors.ts";

export type ChunkHead = { id: string; created: number; model: string; system_fingerprint?: string };

/**
 * The events' text: a role for each choice, its text, its finish, the usage if asked for, `[DONE]`.
 * An error in the middle becomes an `error` event, which the official clients throw.
 */
export async function* eventsOf(
  deltas: AsyncIterable<ChatDelta>,
  { head, includeUsage }: { head: ChunkHead; includeUsage: boolean },
): AsyncGenerator<string> {
  const begun = new Set<number>();
  const chunk = (choices: unknown[], usage: unknown = null) =>
    event({ ...head, object: "chat.completion.chunk", choices, ...(includeUsage ? { usage } : {}) });
  try {
    for await (const delta of deltas) {
      if (delta.kind === "usage") {
        if (includeUsage) yield chunk([], delta.usage);
        continue;
      }
      const { choice: index } = delta;
      if (!begun.has(index)) yield chunk([{ index, delta: { role: "assistant", content: "" }, finish_reason: null }]);
      begun.add(index);
      if (delta.kind === "text") yield chunk([{ index, delta: { content: delta.text }, finish_reason: null }]);
      else yield chunk([{ index, delta: {}, finish_reason: delta.reason }]);
    }
    yield "data: [DONE]\n\n";
  } catch (error) {
    yield event(apiErrorFrom(error).body());
  }
}

function event(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

/** Pulls one event at a time, so that a slow reader slows the engine; `onCancel` is called when the reader leaves. */
export function byteStream(events: AsyncGenerator<string>, onCancel: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await events.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel: onCancel,
  });
}
