/** `POST /v1/chat/completions` as this server understands it: strictly. What it does not know it refuses by name. */
import { z } from "zod";
import { ChatBody, ResponseFormat, TextPart } from "../../../shared/schemas/chat.ts";
import { ApiError } from "./errors.ts";

const ImageUrlPart = z.strictObject({
  type: z.literal("image_url"),
  // `auto` is what leaving it out means; the engines know no other resolution.
  image_url: z.strictObject({ url: z.string(), detail: z.literal("auto").optional() }),
});
const Message = z.strictObject({
  // OpenAI's newer name for `system`.
  role: z.enum(["system", "developer", "user", "assistant"]),
  content: z.union([z.string(), z.array(z.discriminatedUnion("type", [TextPart, ImageUrlPart])).min(1)]),
});

/** Our extension: other servers do not know it, other clients do not send it. `true`: the claims of one answer. */
const Trust = z.union([
  z.boolean(),
  z.strictObject({
    /** So many answers are sampled; the one with the fewest rejected claims is given. */
    best_of: z.int().min(1).max(16).default(1),
    /** Give the answer's claims with their questions, p_yes and verdicts. */
    claims: z.boolean().default(true),
  }),
]);

const HttpBody = ChatBody.extend({
  messages: z.array(Message).min(1),
  max_completion_tokens: z.int().min(1).optional(),
  response_format: z
    .discriminatedUnion("type", [ResponseFormat, z.strictObject({ type: z.literal("text") })])
    .optional(),
  stream: z.boolean().optional(),
  stream_options: z.strictObject({ include_usage: z.boolean().optional() }).optional(),
  trust: Trust.optional(),
});
type HttpBody = z.infer<typeof HttpBody>;

export type TrustAsked = { bestOf: number; claims: boolean };
export type ParsedRequest = {
  body: ChatBody;
  stream: boolean;
  includeUsage: boolean;
  trust: TrustAsked | undefined;
};

/** Throws ApiError 400 that names the first parameter at fault. */
export function parseRequest(raw: unknown): ParsedRequest {
  const parsed = HttpBody.safeParse(withoutUnset(raw));
  if (!parsed.success) throw refused(parsed.error);
  const {
    stream = false,
    stream_options,
    max_completion_tokens,
    response_format,
    messages,
    trust,
    ...rest
  } = parsed.data;
  refuseContradictions(parsed.data);
  const maxTokens = max_completion_tokens ?? rest.max_tokens;
  const body: ChatBody = {
    ...rest,
    messages: messages.map(engineMessage),
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(response_format?.type === "json_schema" ? { response_format } : {}),
  };
  return { body, stream, includeUsage: stream_options?.include_usage ?? false, trust: trustAsked(trust) };
}

function trustAsked(trust: HttpBody["trust"]): TrustAsked | undefined {
  if (trust === undefined || trust === false) return undefined;
  const { best_of, claims } = trust === true ? { best_of: 1, claims: true } : trust;
  return best_of > 1 || claims ? { bestOf: best_of, claims } : undefined;
}

/** What some clients always send, and what leaving it out means. */
const SAME_AS_UNSET: Record<string, unknown> = { presence_penalty: 0, frequency_penalty: 0 };

/** Clients send `null` for "not set", also in the messages of answers they hand back. */
function withoutUnset(raw: unknown): unknown {
  if (!isRecord(raw)) return raw;
  const set = Object.entries(withoutNulls(raw)).filter(([name, value]) => SAME_AS_UNSET[name] !== value);
  const body: Record<string, unknown> = Object.fromEntries(set);
  const { messages } = body;
  if (!Array.isArray(messages)) return body;
  return { ...body, messages: messages.map((message) => (isRecord(message) ? withoutNulls(message) : message)) };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === "object" && !Array.isArray(value);

function withoutNulls(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null));
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

/** A parameter that is known and cannot be taken as it is. */
export function invalidValue(param: string, message: string): ApiError {
  return new ApiError(400, { code: "invalid_value", param, message });
}

function refuseContradictions(body: HttpBody): void {
  const { max_tokens, max_completion_tokens, top_logprobs, logprobs, stream_options, stream } = body;
  if (max_tokens !== undefined && max_completion_tokens !== undefined && max_tokens !== max_completion_tokens)
    throw invalidValue("max_tokens", "max_tokens and max_completion_tokens differ: send only one of them.");
  if (top_logprobs !== undefined && logprobs !== true)
    throw invalidValue("top_logprobs", "top_logprobs needs logprobs: true.");
  if (stream_options !== undefined && stream !== true)
    throw invalidValue("stream_options", "stream_options needs stream: true.");
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
  return invalidValue(path, `${where} is not valid: ${issue.message}.`);
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
