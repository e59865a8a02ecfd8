/** What all stages read from a reply. */
import type { ChatChoice, ChatReply } from "../schemas/chat.ts";

/** The reply's text; `cut` when the server stopped it at max_tokens. */
export type ReplyText = { outcome: "text"; text: string; cut: boolean } | { outcome: "failed"; message: string };

/** A reply that is missing although it was asked for counts as failed: a runner never drops one silently. */
export function replyText(reply: ChatReply | undefined): ReplyText {
  if (reply === undefined) return { outcome: "failed", message: "no reply came back" };
  if (reply.outcome === "failed")
    return { outcome: "failed", message: `${reply.failure.code}: ${reply.failure.message}` };
  const choice = firstChoice(reply.completion.choices);
  if (choice === undefined) return { outcome: "failed", message: "the completion holds no choice" };
  return { outcome: "text", text: choice.message.content ?? "", cut: choice.finish_reason === "length" };
}

/** The choice with index 0, wherever the server put it. */
export function firstChoice(choices: readonly ChatChoice[]): ChatChoice | undefined {
  return choices.find((choice) => choice.index === 0) ?? choices[0];
}
