/** One answer as it streams in: OpenAI's chunks, and beside them what the trust check found. Pure. */
import type { TrustView } from "../../api/chat/parts.ts";
import { count, duration, plural } from "../../report/format.ts";

export type ChatRequest = {
  model: string;
  question: string;
  /** A data or https URL. */
  image: string | undefined;
  /** Undefined: a plain answer. */
  bestOf: number | undefined;
  temperature: number;
  /** Undefined: as many as the model may write. */
  maxTokens: number | undefined;
  seed: number | undefined;
};

/** The body of `POST /v1/chat/completions`. Every question is asked afresh, with its picture. */
export function chatBody({ model, question, image, bestOf, temperature, maxTokens, seed }: ChatRequest) {
  const picture = image === undefined ? [] : [{ type: "image_url", image_url: { url: image } }];
  return {
    model,
    messages: [{ role: "user", content: [...picture, { type: "text", text: question }] }],
    temperature,
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(seed === undefined ? {} : { seed }),
    ...(bestOf === undefined ? {} : { trust: { best_of: bestOf, claims: true } }),
    stream: true,
    stream_options: { include_usage: true },
  };
}

type Usage = { prompt_tokens: number; completion_tokens: number };

export type ChatAnswer = {
  state: "waiting" | "streaming" | "done" | "stopped" | "failed";
  model: string;
  text: string;
  finish: string | null;
  trust: TrustView | null;
  usage: Usage | null;
  error: string | null;
  startedMs: number;
  firstMs: number | null;
  endedMs: number | null;
  /** Limits and money left, as the response's headers told. */
  headers: readonly (readonly [name: string, value: string])[];
};

export const askedAt = (model: string, startedMs: number): ChatAnswer => ({
  state: "waiting",
  model,
  text: "",
  finish: null,
  trust: null,
  usage: null,
  error: null,
  startedMs,
  firstMs: null,
  endedMs: null,
  headers: [],
});

/** One chunk's JSON, as far as it is read here. */
export type Chunk = {
  choices?: { delta?: { content?: string }; finish_reason?: string | null }[];
  trust?: TrustView;
  usage?: Usage | null;
  error?: { message: string };
};

/** A chunk that came; an error in the middle of a stream ends the answer. */
export function answerAfter(answer: ChatAnswer, chunk: Chunk, nowMs: number): ChatAnswer {
  if (chunk.error !== undefined) return { ...answer, state: "failed", error: chunk.error.message, endedMs: nowMs };
  const [choice] = chunk.choices ?? [];
  const added = choice?.delta?.content ?? "";
  return {
    ...answer,
    state: "streaming",
    text: answer.text + added,
    finish: choice?.finish_reason ?? answer.finish,
    trust: chunk.trust ?? answer.trust,
    usage: chunk.usage ?? answer.usage,
    firstMs: answer.firstMs ?? (added === "" ? null : nowMs),
  };
}

/** The stream is over; what had failed stays so. */
export function ended(answer: ChatAnswer, state: "done" | "stopped", nowMs: number): ChatAnswer {
  return answer.state === "failed" ? answer : { ...answer, state, endedMs: nowMs };
}

export const failed = (answer: ChatAnswer, error: string, nowMs: number): ChatAnswer => ({
  ...answer,
  state: "failed",
  error,
  endedMs: nowMs,
});

export const isOpen = ({ state }: ChatAnswer): boolean => state === "waiting" || state === "streaming";

/** Headers worth showing: what is left to the one who asks. */
export function shownHeaders(headers: Iterable<readonly [string, string]>): [string, string][] {
  return [...headers]
    .filter(([name]) => name === "x-budget-remaining-usd" || name.startsWith("x-ratelimit-remaining-"))
    .map(([name, value]) => [name, value]);
}

/** `first token after 0.2 s, 34 tokens in 1.1 s`; what is not known is left out. */
export function costText({ usage, startedMs, firstMs, endedMs }: ChatAnswer): string {
  const seconds = (ms: number) => duration((ms - startedMs) / 1000);
  const tokens = usage && `${count(usage.prompt_tokens)} + ${plural(usage.completion_tokens, "token")}`;
  return [
    tokens,
    firstMs !== null && `first text after ${seconds(firstMs)}`,
    endedMs !== null && `whole after ${seconds(endedMs)}`,
  ]
    .filter(Boolean)
    .join(", ");
}

/** `best of 8: 1 rejected claim; the others had 2, 2, 3, …`. */
export function trustText({ best_of, score, unusable, candidates }: TrustView): string {
  if (unusable !== null) return `The claims could not be told apart (${unusable.replaceAll("_", " ")}).`;
  const own = score === 0 ? "No claim was rejected" : `${plural(-(score ?? 0), "claim")} rejected`;
  const others = candidates.filter(({ chosen }) => !chosen).map((one) => (one.score === null ? "?" : one.rejected));
  return best_of === 1 ? `${own}.` : `${own}; the ${best_of - 1} other answers had ${others.join(", ")}.`;
}
