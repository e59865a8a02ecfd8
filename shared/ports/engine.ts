import type { BatchLine, ChatBody, ChatChoice, ChatReply, Usage } from "../schemas/chat.ts";

/** What an engine can do, asked once when a run is planned. */
export type EngineInfo = {
  /** Who answers, e.g. `embedded` or `openai https://host/v1`. */
  name: string;
  /** The model's exact revision if the engine knows it: part of the reply cache's key and of the lineage. */
  revision: string;
  /** False when the server refuses or ignores `logprobs`: such a model cannot be a labeler. */
  logprobs: boolean;
  /** True when `response_format: json_schema` is obeyed. */
  structuredOutput: boolean;
  /** True when `n` > 1 is answered in one call; otherwise the adapter repeats the request with derived seeds. */
  warnings: string[];
  /** Most tokens of one answer, where the engine knows. */
  maxTokens?: number;
};

export type TokenLogprobs = NonNullable<NonNullable<ChatChoice["logprobs"]>["content"]>[number];

export type ChatDelta =
  /** `logprobs` where they were asked for: of this text's tokens, in order. */
  | { kind: "text"; choice: number; text: string; logprobs?: TokenLogprobs[] }
  | { kind: "finish"; choice: number; reason: string }
  | { kind: "usage"; usage: Usage };

/**
 * Answers chat requests. Bad requests and lost servers are replies (`outcome: "failed"`), not exceptions.
 * Images named `blob:<sha256>` are read through the BlobStore the adapter was given.
 */
export interface Engine {
  /** Asks the server about one model; a wrong URL or key is an exception that says what to do. */
  describe(model: string): Promise<EngineInfo>;
  /**
   * Exactly one reply for each line, in any order, each as soon as it is known. Aborting ends the iteration early. After an
   * abort by a `Drain` (shared/drain.ts) an engine that is billed by the request answers what it has begun and fails every
   * other line as NOT_ASKED; what is still open after DRAIN_MS gets no reply. One that costs nothing to ask again may end at once.
   */
  run(lines: readonly BatchLine[], signal: AbortSignal): AsyncIterable<ChatReply>;
  /** One answer as it is made. Aborting stops the generation. */
  stream(body: ChatBody, signal: AbortSignal): AsyncIterable<ChatDelta>;
}
