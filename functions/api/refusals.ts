/** Whatever goes wrong becomes a problem: a body that fits no schema, an unknown path, a fault of our own. */
import type { Hook } from "@hono/zod-openapi";
import type { Context, ErrorHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import type { z } from "zod";
import type { ApiEnv } from "./access.ts";
import type { Refused } from "./deps.ts";
import { type Problem, ProblemError, type ProblemFacts, problemResponse } from "./problem.ts";
import { PROBLEM_CODES, type ProblemCode } from "./problem-codes.ts";

type Issue = z.core.$ZodIssue;
/** A part of a request, as a problem's `field` calls it; a body's fields stand without a name before them. */
type Part = "json" | "query" | "param" | "header" | "form" | "cookie";
type FieldError = NonNullable<Problem["errors"]>[number];

const PREFIX: Record<Part, string> = {
  json: "",
  query: "query.",
  param: "path.",
  header: "header.",
  form: "",
  cookie: "cookie.",
};

/** Every schema's refusal, and query parameters that the route does not know. */
export const refuseInvalid: Hook<unknown, ApiEnv, string, undefined> = (result, context) => {
  if (!result.success) throw invalid(result.target as Part, result.error, (result as { data?: unknown }).data);
  if (result.target === "query") refuseUnknownQuery(context, result.data as object);
  return undefined;
};

function refuseUnknownQuery(context: Context, known: object): void {
  const unknown = Object.keys(context.req.queries()).filter((name) => !Object.hasOwn(known, name));
  if (unknown.length === 0) return;
  const names = unknown.map((name) => `"${name}"`).join(", ");
  throw new ProblemError({
    status: 400,
    code: "query.unknown_field",
    field: `query.${unknown[0]}`,
    value: context.req.query(unknown[0]!),
    detail: `This route knows no query parameter ${names}.`,
    fix: "Leave it out, or see /reference for the parameters of this route.",
  });
}

/** The problem of a value that fits no schema, with all its errors; the first one stands in `field` and `value`. */
export function invalid(part: Part, error: { issues: readonly Issue[] }, value: unknown): ProblemError {
  const errors = error.issues.flatMap((issue) => fieldErrors(issue, { value, prefix: PREFIX[part] }));
  const unknownOnly = error.issues.flatMap(withoutUnions).every(({ code }) => code === "unrecognized_keys");
  const code: ProblemCode = part === "json" && unknownOnly ? "body.unknown_field" : invalidCode(part);
  return invalidFields(code, errors);
}

function invalidCode(part: Part): ProblemCode {
  if (part === "query") return "query.invalid";
  if (part === "param") return "path.invalid";
  return part === "header" ? "header.invalid" : "body.invalid";
}

/** One problem that tells several wrong fields. */
export function invalidFields(code: ProblemCode, errors: readonly FieldError[]): ProblemError {
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  return new ProblemError({
    status: PROBLEM_CODES[code].status,
    code,
    ...(first === undefined ? {} : { field: first.field }),
    ...(first?.value === undefined ? {} : { value: first.value }),
    detail: `${first?.field ?? "The body"}: ${first?.detail ?? "not valid"}${more}`,
    fix: PROBLEM_CODES[code].fix,
    errors: [...errors],
  });
}

/** One error a field; of a union the branch that comes closest. */
export function fieldErrors(issue: Issue, { value, prefix }: { value: unknown; prefix: string }): FieldError[] {
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    return closest(issue.errors).flatMap((inner) =>
      fieldErrors({ ...inner, path: [...issue.path, ...inner.path] } as Issue, { value, prefix }),
    );
  }
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) =>
      fieldError([...issue.path, key], { value, prefix, detail: "there is no such field here" }),
    );
  }
  return [fieldError(issue.path, { value, prefix, detail: issue.message })];
}

function fieldError(
  path: readonly PropertyKey[],
  { value, prefix, detail }: { value: unknown; prefix: string; detail: string },
): FieldError {
  const found = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);
  const shown = found === undefined ? {} : { value: shorten(found) };
  return { field: `${prefix}${path.map(String).join(".")}` || "body", detail, ...shown };
}

const SHOWN_VALUE = 200; // as a problem's own value

function shorten(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  return text.length <= SHOWN_VALUE ? text : `${text.slice(0, SHOWN_VALUE)}…`;
}

/** Of branches equally near, the last: the general case stands there. */
function closest(branches: readonly (readonly Issue[])[]): readonly Issue[] {
  return branches.reduce((best, branch) => (branch.length <= best.length ? branch : best));
}

function withoutUnions(issue: Issue): readonly Issue[] {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return [issue];
  return closest(issue.errors).flatMap(withoutUnions);
}

/** A refusal of a port, as a problem; its code decides the status. */
export function refusal({ code, field, value, detail, fix }: Refused): ProblemError {
  const status = Object.hasOwn(PROBLEM_CODES, code) ? PROBLEM_CODES[code as ProblemCode].status : 400;
  return new ProblemError({ status, code, field, value, detail, fix });
}

export function notFound(code: ProblemCode, facts: { field: string; value: string; what: string }): ProblemError {
  const { status, fix } = PROBLEM_CODES[code];
  return new ProblemError({
    status,
    code,
    field: facts.field,
    value: facts.value,
    detail: `There is no ${facts.what}.`,
    fix,
  });
}

/** `onFault` is told of what is nobody's expected ending; the client learns only that it happened. */
export function answerErrors(onFault: (error: unknown, requestId: string) => void): ErrorHandler<ApiEnv> {
  return (error, context) => {
    if (error instanceof ProblemError) return problemResponse(error.facts);
    if (error instanceof HTTPException) return problemResponse(httpFacts(error, context));
    const requestId = context.get("requestId");
    onFault(error, requestId);
    return problemResponse({
      status: 500,
      code: "internal",
      detail: `Something broke here; the request's id is ${requestId}.`,
      fix: PROBLEM_CODES.internal.fix,
    });
  };
}

/** What Hono itself refuses: JSON that does not parse, and content types that the route does not take. */
function httpFacts({ status }: HTTPException, context: Context): ProblemFacts {
  if (status === 415) {
    const value = context.req.header("content-type") ?? "none";
    const detail = "This route does not take a body of this content type.";
    return {
      status,
      code: "body.media_type",
      field: "header.Content-Type",
      value,
      detail,
      fix: PROBLEM_CODES["body.media_type"].fix,
    };
  }
  const detail = "The body is not JSON.";
  return { status: 400, code: "body.invalid_json", field: "body", detail, fix: PROBLEM_CODES["body.invalid_json"].fix };
}
