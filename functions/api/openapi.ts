/** The API told about itself: /openapi.json, a page made of it, and a page of all problems. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { Hono } from "hono";
import type { ApiEnv } from "./access.ts";
import type { ApiDeps } from "./deps.ts";
import { problemsPage } from "./pages/problems.ts";
import { type ApiDocument, referencePage } from "./pages/reference.ts";

const TAGS = [
  {
    name: "runs",
    description: "A run samples, scores, pairs, trains and evaluates. Keys of scope runs:read see all runs.",
  },
  { name: "samples", description: "What became of every sample, and the pairs that were made." },
  { name: "evaluations", description: "Benchmarks with confidence intervals, over stored answers, models and rounds." },
  { name: "images", description: "Images by content id: SHA-256 of the bytes as they are kept." },
  { name: "uploads", description: "The way for bodies that are larger than a request may be: announced, sent, named." },
  { name: "chat", description: "Answers as OpenAI's clients know them, and how far they are to be trusted." },
  { name: "webhooks", description: "Signed messages about runs, as https://www.standardwebhooks.com says." },
  { name: "keys", description: "API keys; only keys of scope admin see this." },
  { name: "service", description: "The service itself." },
];

const ABOUT = `Send an API key as \`Authorization: Bearer rlk_…\`. Errors are problem details (RFC 9457) with a stable \`code\`; all
of them stand at /docs/problems. Unknown fields and query parameters are errors. Every POST takes an \`Idempotency-Key\`. Lists are paged:
pass \`next_cursor\` as \`cursor\`.`;

/** The document of the routes of `app`, made once. */
export function documentOf(app: Pick<OpenAPIHono<ApiEnv>, "getOpenAPI31Document">, version: string): ApiDocument {
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "rlaifv", version, description: ABOUT },
    servers: [{ url: "/" }],
    tags: TAGS,
    security: [{ bearer: [] }],
  }) as unknown as ApiDocument;
  for (const operations of Object.values(document.paths)) {
    for (const operation of Object.values(operations)) if (operation.requestBody) operation.requestBody.required = true;
  }
  return document;
}

/** @param routes the app whose routes are told; all of them must be there when the first request comes */
export function documentRoutes(routes: OpenAPIHono<ApiEnv>, { version }: Pick<ApiDeps, "version">): Hono<ApiEnv> {
  let document: ApiDocument | undefined;
  const told = () => {
    document ??= documentOf(routes, version);
    return document;
  };
  return new Hono<ApiEnv>()
    .get("/openapi.json", (context) => context.json(told()))
    .get("/reference", (context) => context.html(referencePage(told())))
    .get("/docs/problems", (context) => context.html(problemsPage()));
}

/** What is not routed by a schema, because its strictness is OpenAI's: told in the document all the same. */
export function tellChat(app: OpenAPIHono<ApiEnv>): void {
  const registry = app.openAPIRegistry;
  registry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  const answer = (description: string) => ({
    200: { description, content: { "application/json": { schema: { type: "object" as const } } } },
  });
  registry.registerPath({
    method: "post",
    path: "/v1/chat/completions",
    tags: ["chat"],
    summary: "OpenAI's chat completions, with images; `trust` tells claim by claim how far an answer can be trusted",
    request: { body: { content: { "application/json": { schema: CHAT_BODY } }, required: true } },
    responses: answer("A completion, or server-sent events where `stream` is true"),
  });
  registry.registerPath({
    method: "get",
    path: "/v1/models",
    tags: ["chat"],
    summary: "Models that chat serves: base models, and the checkpoints of finished rounds",
    responses: answer("The models"),
  });
}

const CHAT_BODY = {
  type: "object" as const,
  example: {
    model: "embedded/policy",
    messages: [
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "data:image/png;base64,…" } },
          { type: "text", text: "What is in the picture?" },
        ],
      },
    ],
    trust: { best_of: 8, claims: true },
  },
  required: ["model", "messages"],
  description:
    "As https://platform.openai.com/docs/api-reference/chat/create; what is not supported is refused by name.",
  properties: {
    model: { type: "string" as const },
    messages: { type: "array" as const, items: { type: "object" as const } },
    stream: { type: "boolean" as const },
    stream_options: { type: "object" as const, properties: { include_usage: { type: "boolean" as const } } },
    n: { type: "integer" as const },
    max_tokens: { type: "integer" as const, description: "Default: the model's own; above its limit it is refused." },
    max_completion_tokens: { type: "integer" as const, description: "OpenAI's newer name of max_tokens." },
    temperature: { type: "number" as const },
    top_p: { type: "number" as const },
    seed: { type: "integer" as const },
    stop: { type: "array" as const, items: { type: "string" as const } },
    logprobs: { type: "boolean" as const },
    top_logprobs: { type: "integer" as const },
    response_format: { type: "object" as const },
    trust: {
      type: "object" as const,
      properties: { best_of: { type: "integer" as const }, claims: { type: "boolean" as const } },
    },
  },
};
