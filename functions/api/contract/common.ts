/** What all routes have in common. HTTP fields are snake_case as OpenAI's; a config, a pair and an event are the documents they are in files. */
import { z } from "@hono/zod-openapi";
import { Problem } from "../problem.ts";

export const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { "application/json": { schema } },
});

const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: Problem } },
});

/** The refusals that any route may answer with. */
export const PROBLEMS = {
  400: problem("The request is not valid: `field` and `value` say where, `fix` what to do."),
  401: problem("No API key, or one that is unknown, revoked or expired."),
  403: problem("The key's scopes do not allow this."),
  404: problem("There is no such thing."),
  402: problem("The budget or the key's day has no room for this."),
  405: problem("The path does not take this method; `Allow` names those it takes."),
  409: problem("In this state it cannot be done, or the same Idempotency-Key is in progress."),
  412: problem("What was to be written once is there already."),
  413: problem("The body is too large."),
  415: problem("The route does not take a body of this content type."),
  422: problem("The same Idempotency-Key came with another body, or the content cannot be used."),
  429: problem("A limit is reached; `Retry-After` says when to come back."),
  503: problem("A server that is needed for this cannot be reached."),
  500: problem("A fault of the server; nothing was lost."),
} as const;

/** 1 to 500 a page. */
export const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50).openapi({ example: 50 }), // our choice: one screen
  cursor: z.string().optional().openapi({ description: "`next_cursor` of the page before" }),
});

/** A page; `next_cursor` is null on the last one. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), next_cursor: z.string().nullable() });

export const RunParams = z.object({
  id: z.string().openapi({ param: { name: "id", in: "path" }, example: "demo-1f2e3d4c" }),
});

/** ISO 8601, UTC. */
export const Time = z.iso.datetime().openapi({ example: "2026-11-23T10:00:00.000Z" });
export const Usd = z.number().min(0);
/** Sent by clients that may repeat a POST. */
export const IdempotencyHeader = z.object({
  "idempotency-key": z.string().min(1).max(255).optional().openapi({
    description: "The same key and body give the same result for 24 hours, whatever happened to the first answer.",
  }),
});
