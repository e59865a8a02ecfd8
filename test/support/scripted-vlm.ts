/** An engine for all four roles whose answers follow from the request alone: for runs without a model. */
import type { Engine } from "../../shared/ports/engine.ts";
import { randomFrom, seedFor } from "../../shared/random.ts";
import type { BatchLine, ChatBody, ChatChoice, ChatReply } from "../../shared/schemas/chat.ts";

const THINGS = "dog cat bench tree kite boat lamp chair cup bird".split(" ");
const PLACES = "on the left, on the right, at the top, in the middle".split(", ");

export function scriptedVlm(options: { structuredOutput?: boolean } = {}): Engine & { asked: number } {
  const structuredOutput = options.structuredOutput ?? true;
  const engine = {
    asked: 0,
    describe: async () => ({ name: "scripted", revision: "1", logprobs: true, structuredOutput, warnings: [] }),
    async *run(lines: readonly BatchLine[], signal: AbortSignal): AsyncGenerator<ChatReply> {
      for (const line of lines) {
        if (signal.aborted) return;
        engine.asked++;
        yield replyTo(line);
      }
    },
    async *stream(body: ChatBody) {
      const [choice] = choicesFor(body);
      yield { kind: "text" as const, choice: 0, text: choice?.message.content ?? "" };
      yield { kind: "finish" as const, choice: 0, reason: "stop" };
    },
  };
  return engine;
}

function replyTo({ custom_id, body }: BatchLine): ChatReply {
  const choices = choicesFor(body);
  const usage = { prompt_tokens: 100, completion_tokens: 20 * choices.length, total_tokens: 100 + 20 * choices.length };
  const completion = {
    id: `r-${custom_id}`,
    object: "chat.completion" as const,
    created: 0,
    model: body.model,
    choices,
    usage,
  };
  return { outcome: "completed", custom_id, completion };
}

function choicesFor(body: ChatBody): ChatChoice[] {
  const text = textOf(body);
  if (text.includes("Statements:\n"))
    return [choice(0, questions(text.slice(text.lastIndexOf("Statements:\n") + 12), body))];
  if (text.includes("Answer:\n")) return [choice(0, claims(text.slice(text.lastIndexOf("Answer:\n") + 8), body))];
  if (body.logprobs) return [labelChoice(body)];
  return Array.from({ length: body.n ?? 1 }, (_, index) =>
    choice(index, description(seedFor(JSON.stringify(body), index))),
  );
}

function textOf({ messages }: ChatBody): string {
  return messages
    .flatMap(({ content }) =>
      typeof content === "string" ? [content] : content.map((part) => (part.type === "text" ? part.text : "")),
    )
    .join("\n");
}

const choice = (index: number, content: string): ChatChoice => ({
  index,
  finish_reason: "stop",
  message: { role: "assistant", content },
});

function description(seed: number): string {
  const random = randomFrom(seed);
  const one = (items: readonly string[]) => items[Math.floor(random() * items.length)] as string;
  const sentences = Array.from(
    { length: 2 + Math.floor(random() * 3) },
    () => `There is a ${one(THINGS)} ${one(PLACES)}.`,
  );
  return [...new Set(sentences)].join(" ");
}

function claims(answer: string, body: ChatBody): string {
  const items = answer.match(/[^.]+\./g)?.map((sentence) => sentence.trim()) ?? [];
  return listed("claims", items, body);
}

function questions(statements: string, body: ChatBody): string {
  const items = statements
    .trim()
    .split("\n")
    .map((line) => line.replace(/^- There is (.*)\.$/, "Is there $1?"));
  return listed("questions", items, body);
}

const listed = (name: string, items: string[], body: ChatBody): string =>
  body.response_format === undefined ? items.map((item) => `- ${item}`).join("\n") : JSON.stringify({ [name]: items });

/** Two thirds of the claims hold. */
function labelChoice(body: ChatBody): ChatChoice {
  const { model: _, ...asked } = body;
  const pYes = randomFrom(seedFor(JSON.stringify(asked)))() < 2 / 3 ? 0.9 : 0.1;
  const top_logprobs = [
    { token: "Yes", logprob: Math.log(pYes) },
    { token: "No", logprob: Math.log(0.99 - pYes) },
  ].sort((a, b) => b.logprob - a.logprob);
  const token = top_logprobs[0]!.token;
  return { ...choice(0, token), logprobs: { content: [{ ...top_logprobs[0]!, top_logprobs }] } };
}
