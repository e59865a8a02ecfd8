/** Chat as OpenAI's clients know it: completions and models. Errors are in OpenAI's shape. */
import { type Context, type ErrorHandler, Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Engine } from "../../../shared/ports/engine.ts";
import { type ApiEnv, type Identify, requires } from "../access.ts";
import type { ServedModel } from "../deps.ts";
import { readableFrom } from "../streams.ts";
import { ApiError, apiErrorFrom } from "./errors.ts";
import { type GatherLimits, gathering } from "./gather.ts";
import { type AnswerPart, wholeAnswer } from "./parts.ts";
import { parseRequest } from "./request.ts";
import { type Chat, type ChatDeps, type Gathered, openChat, unknownModel } from "./session.ts";
import { type ChunkHead, eventsOf } from "./sse.ts";

export type ChatRouteDeps = ChatDeps & {
  identify: Identify;
  /** How one-token questions to the embedded engine are asked together. */
  gather?: GatherLimits;
};

/** Told of what is nobody's expected ending. */
type FaultSink = (error: unknown, context: Context) => void;

/** True for the paths whose clients expect errors in OpenAI's shape, also from what stands before these routes. */
export function isChatPath(path: string): boolean {
  return /^\/v1\/(?:chat|models)(?:\/|$)/.test(path);
}

/** Any error as OpenAI tells it. */
export function answerChatErrors(onFault: FaultSink = () => {}): ErrorHandler {
  return (error, context) => {
    const refusal = apiErrorFrom(error);
    if (refusal.status === 500) onFault(error, context);
    return context.json(refusal.body(), refusal.status as ContentfulStatusCode, refusal.facts.headers);
  };
}

export function chatRoutes(deps: ChatRouteDeps, onFault?: FaultSink): Hono<ApiEnv> {
  const gathered: Gathered = { ...deps, gather: remembered(deps) };
  const app = new Hono<ApiEnv>();
  app.onError(answerChatErrors(onFault));
  app.use("/v1/models/*", known(deps), requires("chat", "runs:read"));
  app.use("/v1/chat/*", known(deps), requires("chat"));
  app.get("/v1/models", async (context) => {
    const models = await deps.models.list();
    return context.json({ object: "list", data: models.map(modelView) });
  });
  app.get("/v1/models/:id{.+}", async (context) => {
    const id = context.req.param("id");
    const model = await deps.models.find(id);
    if (model === undefined) throw await unknownModel(id, deps);
    return context.json(modelView(model));
  });
  app.post("/v1/chat/completions", (context) => complete(context, gathered));
  app.all("/v1/chat/completions", (context) => wrongMethod(context, "POST"));
  app.all("/v1/models/*", (context) => wrongMethod(context, "GET"));
  app.all("/v1/chat/*", unknownEndpoint);
  return app;
}

/** One batch an engine: requests of one flow meet in it. */
function remembered({ clock, gather }: ChatRouteDeps): (engine: Engine) => Engine {
  const known = new WeakMap<Engine, Engine>();
  return (engine) => {
    const gathers = known.get(engine) ?? gathering(engine, clock, gather);
    known.set(engine, gathers);
    return gathers;
  };
}

/** Who asks, unless it is known already. */
function known({ identify }: Pick<ChatRouteDeps, "identify">) {
  return async (context: Context<ApiEnv>, next: () => Promise<void>): Promise<void> => {
    if (context.get("principal") === undefined) context.set("principal", await identify(context));
    await next();
  };
}

async function complete(context: Context<ApiEnv>, deps: Gathered): Promise<Response> {
  const asked = parseRequest(await jsonOf(context));
  const { signal } = context.req.raw;
  const requestId = context.get("requestId") ?? crypto.randomUUID();
  const tell = (headers: Record<string, string>) => {
    for (const [name, value] of Object.entries(headers)) context.header(name, value);
  };
  const chat = await openChat(asked, { principal: context.get("principal"), requestId, signal, tell }, deps);
  const head = {
    id: `chatcmpl-${crypto.randomUUID()}`,
    created: Math.floor(deps.clock.now() / 1000),
    model: asked.body.model,
    system_fingerprint: chat.revision,
  };
  if (asked.stream) {
    const body = await streamed(chat, { head, includeUsage: asked.includeUsage, signal });
    return context.body(body, 200, EVENT_STREAM);
  }
  try {
    return context.json({ ...head, object: "chat.completion", ...(await wholeAnswer(chat.parts)) });
  } finally {
    await chat.end();
  }
}

async function jsonOf(context: Context): Promise<unknown> {
  const text = await context.req.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(400, { code: "invalid_json", message: "The request body is not JSON." });
  }
}

const EVENT_STREAM = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" };

type Format = { head: ChunkHead; includeUsage: boolean; signal: AbortSignal };

/** The first part is awaited before the status is sent, so that a refused request is an HTTP error and not a broken stream. */
async function streamed(chat: Chat, { signal, ...format }: Format): Promise<ReadableStream<Uint8Array>> {
  const first = await chat.parts.next().catch(async (error: unknown) => {
    await chat.end();
    throw error;
  });
  // A connection that is lost before anybody reads is told by the signal alone.
  signal.addEventListener("abort", () => void chat.end().catch(() => {}), { once: true });
  const events = eventsOf(resumed(first, chat.parts), format);
  return readableFrom(encoded(events, chat), () => void chat.end().catch(() => {}));
}

async function* resumed(first: IteratorResult<AnswerPart>, rest: AsyncGenerator<AnswerPart>) {
  for (let next = first; !next.done; next = await rest.next()) yield next.value;
}

async function* encoded(events: AsyncIterable<string>, chat: Chat): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  try {
    for await (const event of events) yield encoder.encode(event);
  } finally {
    await chat.end();
  }
}

function wrongMethod({ req }: Context, allowed: string): never {
  const message = `${req.path} takes no ${req.method}: use ${allowed}.`;
  throw new ApiError(405, { code: "method_not_allowed", message, headers: { allow: allowed } });
}

/** What else OpenAI's clients may ask for. */
export function unknownEndpoint({ req }: Context): never {
  const message = `No such endpoint: ${req.method} ${req.path}. There are POST /v1/chat/completions, GET /v1/models and GET /v1/models/{id}.`;
  throw new ApiError(404, { code: "unknown_endpoint", message });
}

/** `rlaifv` is our own: what the model is, and whether its answers can be checked. */
function modelView({ id, created, ref, checkpoint, run, config }: ServedModel) {
  const kind = checkpoint === undefined ? "base" : "checkpoint";
  const rlaifv = {
    kind,
    run: run?.runId ?? null,
    round: run?.round ?? null,
    base: checkpoint === undefined ? null : ref.model,
    trust: config.labelers.length > 0,
  };
  return { id, object: "model", created, owned_by: "rlaifv", rlaifv };
}
