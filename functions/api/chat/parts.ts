/** What an answer is made of on its way out; a whole one is put together from the same parts that a stream shows. */
import type { ChatDelta, TokenLogprobs } from "../../../shared/ports/engine.ts";
import type { ChatChoice, ChatCompletion, Usage } from "../../../shared/schemas/chat.ts";
import type { ClaimView } from "../contract/samples.ts";

/** What stands beside `choices` when `trust` was asked for. */
export type TrustView = {
  best_of: number;
  /** Left out where the request says `claims: false`. */
  claims?: ClaimView[];
  /** −(rejected claims); null where the claims could not be told apart. */
  score: number | null;
  unusable: string | null;
  /** All sampled answers in their order; the first with the best score is the one that was given. */
  candidates: { score: number | null; rejected: number; words: number; chosen: boolean }[];
  labelers: string[];
  /** Of the check alone; what is not asked again costs nothing. */
  usage: Usage;
};

export type AnswerPart = ChatDelta | { kind: "trust"; trust: TrustView };

type WholeChoice = Omit<ChatChoice, "logprobs"> & {
  message: { role: "assistant"; content: string; refusal: null };
  logprobs: { content: TokenLogprobs[]; refusal: null } | null;
};

/** `choices`, `usage` and `trust` of a completion. */
export async function wholeAnswer(parts: AsyncIterable<AnswerPart>) {
  const choices = new Map<number, WholeChoice>();
  let [usage, trust]: [Usage | undefined, TrustView | undefined] = [undefined, undefined];
  for await (const part of parts) {
    if (part.kind === "usage") usage = part.usage;
    else if (part.kind === "trust") trust = part.trust;
    else addDelta(choices, part);
  }
  const ordered = [...choices.values()].sort((a, b) => a.index - b.index);
  return { choices: ordered, ...(trust ? { trust } : {}), ...(usage ? { usage } : {}) };
}

function addDelta(choices: Map<number, WholeChoice>, delta: Exclude<ChatDelta, { kind: "usage" }>): void {
  const index = delta.choice;
  const choice = choices.get(index) ?? emptyChoice(index);
  choices.set(index, choice);
  if (delta.kind === "finish") {
    choice.finish_reason = delta.reason;
    return;
  }
  choice.message.content += delta.text;
  if (delta.logprobs === undefined) return;
  choice.logprobs ??= { content: [], refusal: null };
  choice.logprobs.content.push(...delta.logprobs);
}

function emptyChoice(index: number): WholeChoice {
  return { index, finish_reason: null, message: { role: "assistant", content: "", refusal: null }, logprobs: null };
}

/** A whole answer as a stream of one piece a choice. */
export function* partsOf({ choices, usage }: Pick<ChatCompletion, "choices" | "usage">): Generator<ChatDelta> {
  for (const { index, message, logprobs, finish_reason } of choices) {
    const named = logprobs?.content ? { logprobs: logprobs.content } : {};
    yield { kind: "text", choice: index, text: message.content ?? "", ...named };
    yield { kind: "finish", choice: index, reason: finish_reason ?? "stop" };
  }
  if (usage) yield { kind: "usage", usage };
}
