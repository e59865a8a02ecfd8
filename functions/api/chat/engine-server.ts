/** Any Engine as an OpenAI-compatible server of its own: the chat's routes with fixed models and without limits. */
import { Hono } from "hono";
import { sha256Hex } from "../../../shared/ids.ts";
import type { Clock } from "../../../shared/ports/clock.ts";
import type { Engine } from "../../../shared/ports/engine.ts";
import type { ReplyCache } from "../../../shared/ports/state-store.ts";
import { ModelRef, type RunConfig } from "../../../shared/schemas/config.ts";
import type { ApiEnv, Identify } from "../access.ts";
import type { Ticket } from "../admission/admission.ts";
import type { Images, ModelCatalog, ServedModel } from "../deps.ts";
import { bodyLimits } from "../middleware.ts";
import { ProblemError } from "../problem.ts";
import type { GatherLimits } from "./gather.ts";
import { answerChatErrors, chatRoutes, unknownEndpoint } from "./routes.ts";

export type EngineServerOptions = {
  engine: Engine;
  /** The names this server answers to; asked anew for every request, since checkpoints are added while it runs. */
  models: () => readonly string[];
  /** Any of these opens the server; left out, everybody may in. */
  apiKeys?: readonly string[];
  /** Keeps the images of requests where the engine finds them as `blob:<sha256>`. */
  images: Pick<Images, "open">;
  /** Whose divider, questioner and labelers judge answers with `trust`, and how long answers are by default. */
  config: RunConfig;
  replies: ReplyCache;
  clock: Clock;
  gather?: GatherLimits;
};

export function engineServer(options: EngineServerOptions): Hono<ApiEnv> {
  const { models, replies, ...rest } = options;
  const deps = { ...rest, store: { replies }, models: fixedModels(options), identify: keyHolder(options) };
  const app = new Hono<ApiEnv>();
  app.onError(answerChatErrors());
  app.notFound(unknownEndpoint);
  app.get("/healthz", (context) => context.json({ status: "ok", models: models() }));
  app.use("/v1/*", async (context, next) => {
    context.set("principal", await deps.identify(context));
    await next();
  });
  app.use("/v1/*", bodyLimits);
  app.route("/", chatRoutes({ ...deps, admission: { admit: async () => ({ outcome: "admitted", ticket: FREE }) } }));
  return app;
}

const FREE: Ticket = { headers: {}, charge: async () => {}, settle: async () => {} };

function fixedModels({ engine, models, config }: EngineServerOptions): ModelCatalog {
  const served = (id: string): ServedModel => ({
    id,
    created: 0,
    ref: ModelRef.parse({ engine: "embedded", model: id }),
    checkpoint: undefined,
    run: undefined,
    config,
  });
  const describe = rememberedInfos(engine);
  return {
    list: async () => models().map(served),
    find: async (id) => (models().includes(id) ? served(id) : undefined),
    async bind({ model }) {
      const info = await describe(model);
      return { engine, model, revision: info.revision, info };
    },
  };
}

/** Asked once a model. */
function rememberedInfos(engine: Engine): Engine["describe"] {
  const known = new Map<string, ReturnType<Engine["describe"]>>();
  return (model) => {
    const info = known.get(model) ?? engine.describe(model);
    known.set(model, info);
    info.catch(() => known.delete(model));
    return info;
  };
}

/** Hashes are compared, not keys: the time it takes tells nothing about a key. */
function keyHolder({ apiKeys }: Pick<EngineServerOptions, "apiKeys">): Identify {
  const owner = { id: "owner", kind: "owner", scopes: ["chat"], limits: undefined } as const;
  return async (context) => {
    if (apiKeys === undefined) return owner;
    const given = /^Bearer\s+(.+)$/i.exec(context.req.header("authorization") ?? "")?.[1];
    const hash = sha256Hex(given ?? "");
    if (given !== undefined && apiKeys.some((key) => sha256Hex(key) === hash)) return owner;
    throw new ProblemError({
      status: 401,
      code: given === undefined ? "key.missing" : "key.unknown",
      field: "header.Authorization",
      detail: given === undefined ? "No API key." : "This API key is not known here.",
      fix: "Send it as 'Authorization: Bearer KEY'.",
      headers: { "www-authenticate": "Bearer" },
    });
  };
}
