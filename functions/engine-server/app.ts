/** Any Engine as an OpenAI-compatible server. Knows nothing of Node: `listen.ts` puts it on a port. */
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { sha256Hex } from "../../shared/ids.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { ChatDelta, Engine } from "../../shared/ports/engine.ts";
import type { ChatBody } from "../../shared/schemas/chat.ts";
import { BATCH_LIMITS, type Batcher, type BatchLimits, batcher } from "./batcher.ts";
import { ApiError, apiErrorFrom, apiErrorOf } from "./errors.ts";
import { storeImages } from "./images.ts";
import { parseRequest } from "./request.ts";
import { byteStream, type ChunkHead, eventsOf } from "./sse.ts";

export type EngineServerOptions = {
  engine: Engine;
  /** The names this server answers to; asked anew for every request, since checkpoints are added while it runs. */
  models: () => readonly string[];
  /** Any of these opens the server; left out, everybody may in. */
  apiKeys?: readonly string[];
  /** Where the images of requests are kept for the engine, as `blob:<sha256>`. */
  images: BlobStore;
  clock: Clock;
  batch?: Partial<BatchLimits>;
};

const MAX_BODY_BYTES = 64 * 1024 * 1024; // our choice: three of the largest images in base64, and room for text

export function engineServer(options: EngineServerOptions): Hono {
  const { engine, models, apiKeys, images, clock, batch } = options;
  const requests = batcher(engine, clock, { ...BATCH_LIMITS, ...batch });
  const revisionOf = rememberedRevisions(engine);
  const app = new Hono();
  app.onError((error, context) => answerError(context, error));
  app.notFound((context) => answerError(context, unknownRoute(context)));
  app.get("/healthz", (context) => context.json({ status: "ok", models: models() }));
  app.use("/v1/*", async (context, next) => {
    refuseStrangers(context.req.header("authorization"), apiKeys);
    await next();
  });
  app.get("/v1/models", (context) =>
    context.json({
      object: "list",
      data: models().map((id) => ({ id, object: "model", created: 0, owned_by: "rlaifv" })),
    }),
  );
  app.post("/v1/chat/completions", bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLarge }), async (context) => {
    const asked = parseRequest(await jsonOf(context));
    const { model } = asked.body;
    if (!models().includes(model)) throw unknownModel(model, models());
    const body = await storeImages(asked.body, images);
    const head = {
      id: `chatcmpl-${crypto.randomUUID()}`,
      created: Math.floor(clock.now() / 1000),
      model,
      system_fingerprint: await revisionOf(model),
    };
    const signal = context.req.raw.signal;
    return asked.stream
      ? streamed({ engine, body, signal }, { head, includeUsage: asked.includeUsage })
      : context.json({ object: "chat.completion", ...(await completed(requests, body, signal)), ...head });
  });
  return app;
}

async function jsonOf(context: Context): Promise<unknown> {
  try {
    return await context.req.json();
  } catch {
    throw new ApiError(400, { code: "invalid_json", message: "The request body is not JSON." });
  }
}

async function completed(requests: Batcher, body: ChatBody, signal: AbortSignal) {
  const reply = await requests.ask(body, signal);
  if (reply.outcome === "failed") throw apiErrorOf(reply.failure);
  const { choices, usage } = reply.completion;
  const whole = choices.map((choice) => ({
    ...choice,
    message: { ...choice.message, refusal: null },
    logprobs: choice.logprobs ?? null,
  }));
  return usage ? { choices: whole, usage } : { choices: whole };
}

type Streaming = { engine: Engine; body: ChatBody; signal: AbortSignal };

/** The first delta is awaited before the status is sent, so that a refused request is an HTTP error and not a broken stream. */
async function streamed(
  { engine, body, signal }: Streaming,
  format: { head: ChunkHead; includeUsage: boolean },
): Promise<Response> {
  const readerLeft = new AbortController();
  const deltas = engine.stream(body, AbortSignal.any([signal, readerLeft.signal]))[Symbol.asyncIterator]();
  const first = await deltas.next();
  const events = eventsOf(resumed(first, deltas), format);
  return new Response(
    byteStream(events, () => readerLeft.abort()),
    {
      headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
    },
  );
}

async function* resumed(first: IteratorResult<ChatDelta>, rest: AsyncIterator<ChatDelta>): AsyncGenerator<ChatDelta> {
  for (let next = first; !next.done; next = await rest.next()) yield next.value;
}

/** Asked once a model: the revision goes out with every reply. */
function rememberedRevisions(engine: Engine): (model: string) => Promise<string> {
  const known = new Map<string, Promise<string>>();
  return async (model) => {
    const revision = known.get(model) ?? engine.describe(model).then((info) => info.revision);
    known.set(model, revision);
    revision.catch(() => known.delete(model));
    return revision;
  };
}

/** Hashes are compared, not keys: the time it takes tells nothing about a key. */
function refuseStrangers(authorization: string | undefined, apiKeys: readonly string[] | undefined): void {
  if (apiKeys === undefined) return;
  const given = /^Bearer\s+(.+)$/i.exec(authorization ?? "")?.[1];
  const hash = sha256Hex(given ?? "");
  if (given !== undefined && apiKeys.some((key) => sha256Hex(key) === hash)) return;
  const message =
    given === undefined ? "No API key: send it as 'Authorization: Bearer KEY'." : "This API key is not known here.";
  throw new ApiError(401, { code: "invalid_api_key", message });
}

function unknownModel(model: string, models: readonly string[]): ApiError {
  const message = `The model '${model}' does not exist. This server has: ${models.join(", ")}.`;
  return new ApiError(404, { code: "model_not_found", param: "model", message });
}

function unknownRoute({ req }: Context): ApiError {
  const message = `No such endpoint: ${req.method} ${req.path}. There are POST /v1/chat/completions, GET /v1/models and GET /healthz.`;
  return new ApiError(404, { code: "unknown_endpoint", message });
}

function tooLarge(context: Context): Response {
  const message = `The request body is larger than ${MAX_BODY_BYTES} bytes.`;
  return answerError(context, new ApiError(413, { code: "body_too_large", message }));
}

function answerError(context: Context, error: unknown): Response {
  const refusal = apiErrorFrom(error);
  return context.json(refusal.body(), refusal.status);
}
