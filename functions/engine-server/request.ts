/** `POST /v1/chat/completions` as this server understands it: strictly. What it does not know it refuses by name. */
import { z } from "zod";
import { ChatBody, ResponseFormat, TextPart } from "../../shared/schemas/chat.ts";
import { ApiError } from "./errors.ts";

const ImageUrlPart = z.strictObject({
  type: z.literal("image_url"),
  // `auto` is what leaving it out means; the engine knows no other resolution.
  image_url: z.strictObject({ url: z.string(), detail: z.literal("auto").optional() }),
});
const Message = z.strictObject({
  // OpenAI's newer name for `system`.
  role: z.enum(["system", "developer", "user", "assistant"]),
  content: z.union([z.string(), z.array(z.discriminatedUnion("type", [TextPart, ImageUrlPart])).min(1)]),
});

const HttpBody = ChatBody.extend({
  messages: z.array(Message).min(1),
  max_completion_tokens: z.int().min(1).optional(),
  response_format: z
    .discriminatedUnion("type", [ResponseFormat, z.strictObject({ type: z.literal("text") })])
    .optional(),
  stream: z.boolean().optional(),
  stream_options: z.strictObject({ include_usage: z.boolean().optional() }).optional(),
});
type HttpBody = z.infer<typeof HttpBody>;

export type ParsedRequest = { body: ChatBody; stream: boolean; includeUsage: boolean };

/** Throws ApiError 400 that names the first parameter at fault. */
export function parseRequest(raw: unknown): ParsedRequest {
  const parsed = HttpBody.safeParse(withoutNulls(raw));
  if (!parsed.success) throw refused(parsed.error);
  const { stream = false, stream_options, max_completion_tokens, response_format, messages, ...rest } = parsed.data;
  refuseContradictions(parsed.data);
  const maxTokens = max_completion_tokens ?? rest.max_tokens;
  const body: ChatBody = {
    ...rest,
    messages: messages.map(engineMessage),
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(response_format?.type === "json_schema" ? { response_format } : {}),
  };
  return { body, stream, includeUsage: stream_options?.include_usage ?? false };
}

/** Clients send `null` for "not set"; only the top level has such parameters. */
function withoutNulls(raw: unknown): unknown {
  if (raw === null || typeof raw !== "object" || Array.isArray(raw)) return raw;
  return Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== null));
}

function engineMessage({ role, content }: z.infer<typeof Message>): ChatBody["messages"][number] {
  const parts =
    typeof content === "string"
      ? content
      : content.map((part) =>
          part.type === "text" ? part : { type: part.type, image_url: { url: part.image_url.url } },
        );
  return { role: role === "developer" ? "system" : role, content: parts };
}

function refuseContradictions(body: HttpBody): void {
  const refuse = (param: string, message: string) => {
    throw new ApiError(400, { code: "invalid_value", param, message });
  };
  if (
    body.max_tokens !== undefined &&
    body.max_completion_tokens !== undefined &&
    body.max_tokens !== body.max_completion_tokens
  )
    refuse("max_tokens", "max_tokens and max_completion_tokens differ: send only one of them.");
  if (body.top_logprobs !== undefined && body.logprobs !== true)
    refuse("top_logprobs", "top_logprobs needs logprobs: true.");
  if (body.stream_options !== undefined && body.stream !== true)
    refuse("stream_options", "stream_options needs stream: true.");
  if (body.stream === true && body.logprobs === true)
    refuse("logprobs", "logprobs are not streamed: leave out stream, or logprobs.");
}

function refused(error: z.ZodError): ApiError {
  const issue = deepest(error.issues[0] as z.core.$ZodIssue);
  const path = paramOf(issue.path);
  if (issue.code === "unrecognized_keys") {
    const param = [path, issue.keys[0]].filter((part) => part !== "").join(".");
    const message = `Unsupported parameter: '${param}'. This server takes ${Object.keys(HttpBody.shape).join(", ")}.`;
    return new ApiError(400, { code: "unsupported_parameter", param, message });
  }
  const where = path === "" ? "The request body" : `'${path}'`;
  return new ApiError(400, { code: "invalid_value", param: path, message: `${where} is not valid: ${issue.message}.` });
}

/** Of a union's branches, the issue that lies deepest: the branch the caller meant. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union") return issue;
  const inner = issue.errors
    .flatMap((branch) => branch.slice(0, 1))
    .map((first) => deepest({ ...first, path: [...issue.path, ...first.path] }));
  return inner.reduce((best, next) => (next.path.length > best.path.length ? next : best), issue);
}

/** OpenAI writes `messages[0].content`. */
function paramOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, "");
}
