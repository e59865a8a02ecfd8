/** The HTTP API, put together. It knows nothing of where it runs. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context, ErrorHandler } from "hono";
import type { ApiEnv } from "./access.ts";
import { answerChatErrors, chatRoutes, isChatPath } from "./chat/routes.ts";
import { createRoutes } from "./create-runs.ts";
import { datasetRoutes } from "./dataset.ts";
import type { ApiDeps } from "./deps.ts";
import { evaluationRoutes } from "./evals.ts";
import { eventRoutes } from "./events.ts";
import { healthRoutes } from "./health.ts";
import { idempotent } from "./idempotency.ts";
import { imageRoutes } from "./images.ts";
import { keyRoutes } from "./keys/routes.ts";
import { manifestRoutes } from "./manifests.ts";
import { admitted, answerHeaders, bodyLimits, identified } from "./middleware.ts";
import { documentRoutes, tellChat } from "./openapi.ts";
import { pairRoutes } from "./pairs.ts";
import { answerErrors, refuseInvalid } from "./refusals.ts";
import { reportRoutes } from "./report.ts";
import { runRoutes } from "./runs.ts";
import { sampleRoutes } from "./samples.ts";
import { scoreRoutes } from "./score.ts";
import { unknownRoute } from "./unknown-route.ts";
import { uploadRoutes } from "./uploads/routes.ts";
import { usageRoutes } from "./usage.ts";
import { webhookRoutes } from "./webhooks.ts";

/** Told of what is nobody's expected ending. */
export type FaultSink = (error: unknown, requestId: string) => void;

/** The whole API as one Hono app; `Api` types its clients. */
export function createApi(deps: ApiDeps, onFault: FaultSink = (error) => console.error(error)) {
  const app = new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid });
  const chatFault = (error: unknown, context: Context) => onFault(error, context.get("requestId"));
  const asOpenai: ErrorHandler<ApiEnv> = answerChatErrors(chatFault);
  const asProblem = answerErrors(onFault);
  app.onError((error, context) => (isChatPath(context.req.path) ? asOpenai : asProblem)(error, context));
  app.use(answerHeaders);
  app.use("/v1/*", identified(deps), admitted(deps), bodyLimits, idempotentPosts(deps));
  const api = app
    .route("/", healthRoutes(deps))
    .route("/", createRoutes(deps))
    .route("/", runRoutes(deps))
    .route("/", reportRoutes(deps))
    .route("/", datasetRoutes(deps))
    .route("/", eventRoutes(deps))
    .route("/", sampleRoutes(deps))
    .route("/", pairRoutes(deps))
    .route("/", uploadRoutes(deps))
    .route("/", imageRoutes(deps))
    .route("/", manifestRoutes(deps))
    .route("/", scoreRoutes(deps))
    .route("/", evaluationRoutes(deps))
    .route("/", usageRoutes(deps))
    .route("/", keyRoutes(deps))
    .route("/", webhookRoutes(deps));
  tellChat(app);
  app.route("/", chatRoutes(deps, chatFault)).route("/", documentRoutes(app, deps));
  const unknown = unknownRoute(app);
  app.all("/v1/*", unknown); // an app that holds this one would answer in its own words
  app.notFound(unknown);
  return api;
}

export type Api = ReturnType<typeof createApi>;

const idempotentPosts = ({ service, clock }: ApiDeps) =>
  idempotent<ApiEnv>({ store: service.idempotency, clock, principal: (context) => context.get("principal").id });
