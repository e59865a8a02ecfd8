/** Errors of the API in one shape: problem details (RFC 9457) with a stable dotted code, the field, the value and the way out. */
import { z } from "@hono/zod-openapi";

export const Problem = z
  .strictObject({
    /** A page that explains the code, on this server. */
    type: z.string(),
    title: z.string(),
    status: z.int(),
    /** What is wrong, in one sentence. */
    detail: z.string(),
    /** Stable: programs may depend on it, e.g. `run.not_found`. */
    code: z.string(),
    /** Where in the request, e.g. `config.rounds` or `header.Idempotency-Key`. */
    field: z.string().optional(),
    /** What stood there, cut to 200 characters. */
    value: z.string().optional(),
    /** What to do. */
    fix: z.string(),
    /** All problems, where a body has several. */
    errors: z.array(z.strictObject({ field: z.string(), detail: z.string(), value: z.string().optional() })).optional(),
  })
  .openapi("Problem");
export type Problem = z.infer<typeof Problem>;

export type ProblemStatus = 400 | 401 | 402 | 403 | 404 | 405 | 409 | 412 | 413 | 415 | 422 | 429 | 500 | 503;

const TITLES: Record<ProblemStatus, string> = {
  400: "Bad request",
  401: "Not authenticated",
  402: "Budget exhausted",
  403: "Not allowed",
  404: "Not found",
  405: "Method not allowed",
  409: "Conflict",
  412: "Precondition failed",
  413: "Too large",
  415: "Unsupported media type",
  422: "Not acceptable as it is",
  429: "Too many requests",
  500: "Internal error",
  503: "Unavailable",
};

export type ProblemFacts = {
  status: ProblemStatus;
  code: string;
  detail: string;
  fix: string;
  field?: string;
  value?: unknown;
  errors?: Problem["errors"];
  headers?: Record<string, string>;
};

/** Thrown by handlers and middlewares; `app.onError` turns it into the response. */
export class ProblemError extends Error {
  override name = "ProblemError";
  readonly facts: ProblemFacts;
  constructor(facts: ProblemFacts) {
    super(facts.detail);
    this.facts = facts;
  }
}

const SHOWN_VALUE = 200;

export function problemOf({ status, code, detail, fix, field, value, errors }: ProblemFacts): Problem {
  return {
    type: `/docs/problems#${code}`,
    title: TITLES[status],
    status,
    detail,
    code,
    ...(field === undefined ? {} : { field }),
    ...(value === undefined ? {} : { value: shownValue(value) }),
    fix,
    ...(errors === undefined ? {} : { errors }),
  };
}

function shownValue(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  return text.length <= SHOWN_VALUE ? text : `${text.slice(0, SHOWN_VALUE)}…`;
}

/** The response of a problem. */
export function problemResponse(facts: ProblemFacts): Response {
  return new Response(JSON.stringify(problemOf(facts)), {
    status: facts.status,
    headers: { "content-type": "application/problem+json", ...facts.headers },
  });
}
