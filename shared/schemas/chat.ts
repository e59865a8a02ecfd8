/**
 * The engine contract: OpenAI chat completions, one by one or as lines of an OpenAI batch file
 * (https://platform.openai.com/docs/guides/batch). Only the fields the pipeline reads or writes are named;
 * replies keep what else a server sends.
 */
import { z } from "zod";

/** `url` is a data URL, an https URL, or `blob:<sha256>`: an image of the run's BlobStore, resolved by the engine adapter. */
export const ImagePart = z.strictObject({
  type: z.literal("image_url"),
  image_url: z.strictObject({ url: z.string() }),
});
export const TextPart = z.strictObject({ type: z.literal("text"), text: z.string() });
export const ChatMessage = z.strictObject({
  role: z.enum(["system", "user", "assistant"]),
  content: z.union([z.string(), z.array(z.union([ImagePart, TextPart]))]),
});
export type ChatMessage = z.infer<typeof ChatMessage>;

export const ResponseFormat = z.strictObject({
  type: z.literal("json_schema"),
  json_schema: z.strictObject({ name: z.string(), strict: z.boolean(), schema: z.record(z.string(), z.unknown()) }),
});

/** The body of `POST /v1/chat/completions`. */
export const ChatBody = z.strictObject({
  model: z.string(),
  messages: z.array(ChatMessage).min(1),
  n: z.int().min(1).max(128).optional(),
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().gt(0).max(1).optional(),
  max_tokens: z.int().min(1).optional(),
  seed: z.int().optional(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).optional(),
  logprobs: z.boolean().optional(),
  top_logprobs: z.int().min(0).max(20).optional(),
  response_format: ResponseFormat.optional(),
});
export type ChatBody = z.infer<typeof ChatBody>;

const TokenLogprob = z.object({ token: z.string(), logprob: z.number() });
export const ChoiceLogprobs = z.object({
  content: z.array(TokenLogprob.extend({ top_logprobs: z.array(TokenLogprob).default([]) })).nullable(),
});

export const Usage = z.object({
  prompt_tokens: z.int().min(0),
  completion_tokens: z.int().min(0),
  total_tokens: z.int().min(0),
  prompt_tokens_details: z.object({ cached_tokens: z.int().min(0).nullish() }).nullish(),
});
export type Usage = z.infer<typeof Usage>;

export const ChatChoice = z.object({
  index: z.int().min(0),
  finish_reason: z.string().nullable(),
  message: z.object({ role: z.literal("assistant"), content: z.string().nullable() }),
  logprobs: ChoiceLogprobs.nullish(),
});
export type ChatChoice = z.infer<typeof ChatChoice>;

/** The reply to one chat request. */
export const ChatCompletion = z.object({
  id: z.string(),
  object: z.literal("chat.completion").default("chat.completion"),
  created: z.int().default(0),
  model: z.string(),
  choices: z.array(ChatChoice),
  usage: Usage.nullish(),
});
export type ChatCompletion = z.infer<typeof ChatCompletion>;

/** Which of a run's models answers: `policy`, `divider`, `questioner`, or one of the labelers by position. */
export const Target = z.templateLiteral([z.enum(["policy", "divider", "questioner", "labeler"]), "/", z.int().min(0)]);
export type Target = z.infer<typeof Target>;

/** What a stage asks. The runner adds the model's name, which changes from round to round. */
export type ChatRequest = { custom_id: string; target: Target; body: Omit<ChatBody, "model"> };

/** Why a request has no completion. `retryable`: the same request may succeed later. */
export const RequestFailure = z.strictObject({ code: z.string(), message: z.string(), retryable: z.boolean() });
export type RequestFailure = z.infer<typeof RequestFailure>;

/** What came back for one `custom_id`: exactly one of the two. */
export const ChatReply = z.discriminatedUnion("outcome", [
  z.strictObject({ outcome: z.literal("completed"), custom_id: z.string(), completion: ChatCompletion }),
  z.strictObject({ outcome: z.literal("failed"), custom_id: z.string(), failure: RequestFailure }),
]);
export type ChatReply = z.infer<typeof ChatReply>;

/** One line of an OpenAI batch input file. */
export const BatchLine = z.strictObject({
  custom_id: z.string(),
  method: z.literal("POST"),
  url: z.literal("/v1/chat/completions"),
  body: ChatBody,
});
export type BatchLine = z.infer<typeof BatchLine>;
