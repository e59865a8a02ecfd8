/** Errors in OpenAI's shape (https://platform.openai.com/docs/guides/error-codes): `{error: {message, type, param, code}}`. */
import { z } from "zod";
import { RequestFailure } from "../../../shared/schemas/chat.ts";
import type { Limited } from "../admission/admission.ts";
import { ProblemError, type ProblemStatus } from "../problem.ts";

export type ApiErrorBody = { error: { message: string; type: string; param: string | null; code: string } };
/** 499: the client closed the connection; nobody reads it. */
type ApiErrorStatus = ProblemStatus | 499;

type Facts = { code: string; message: string; param?: string; type?: string; headers?: Record<string, string> };

/** One refused request. The official clients turn `status` into their error classes. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: ApiErrorStatus;
  readonly facts: Facts;
  constructor(status: ApiErrorStatus, facts: Facts) {
    super(facts.message);
    this.status = status;
    this.facts = facts;
  }

  body(): ApiErrorBody {
    const { message, code, param = null, type = TYPES[this.status] } = this.facts;
    return { error: { message, type: type ?? (this.status < 500 ? INVALID : "server_error"), param, code } };
  }
}

const INVALID = "invalid_request_error";
const TYPES: Partial<Record<ApiErrorStatus, string>> = {
  401: "authentication_error",
  403: "permission_error",
  429: "rate_limit_error",
};

/** What an engine's failure is to the caller over HTTP. */
export function apiErrorOf({ code, message, retryable }: RequestFailure): ApiError {
  if (code === "rate_limited") return new ApiError(429, { code, message });
  if (code === "model_not_found") return new ApiError(404, { code, message });
  return new ApiError(retryable ? 503 : 400, { code, message });
}

/** The official clients wait as `Retry-After` says up to a minute, and else try again at once: told that it is no use, they do not. */
const WORTH_WAITING_SECONDS = 60;

export function limitError({ limit, message, retryAfterSeconds, headers }: Limited): ApiError {
  const quota = limit === "tokens" || limit === "usd";
  const noUse = retryAfterSeconds > WORTH_WAITING_SECONDS;
  return new ApiError(429, {
    ...(quota ? { code: "insufficient_quota", type: "insufficient_quota" } : { code: "rate_limit_exceeded" }),
    message: `${message}.`,
    headers: noUse ? { ...headers, "x-should-retry": "false" } : headers,
  });
}

const CODES: Partial<Record<ProblemStatus, string>> = { 401: "invalid_api_key", 403: "insufficient_permissions" };

function ofProblem({ facts }: ProblemError): ApiError {
  const { status, code, field, detail, fix, headers } = facts;
  const param = field === undefined || field.startsWith("header.") ? {} : { param: field };
  return new ApiError(status, {
    code: CODES[status] ?? code,
    message: `${detail} ${fix}`,
    ...param,
    ...(headers === undefined ? {} : { headers }),
  });
}

const CarriesFailure = z.object({ failure: RequestFailure });

/** An engine's refusal is thrown as an error that carries a `failure`; anything else is a fault of this server. */
export function apiErrorFrom(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof ProblemError) return ofProblem(error);
  const carried = CarriesFailure.safeParse(error);
  if (carried.success) return apiErrorOf(carried.data.failure);
  const message = `the engine failed: ${error instanceof Error ? error.message : String(error)}`;
  return new ApiError(500, { code: "engine_error", message });
}
