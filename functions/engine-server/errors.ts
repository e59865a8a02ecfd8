/** Errors in OpenAI's shape (https://platform.openai.com/docs/guides/error-codes): `{error: {message, type, param, code}}`. */
import { z } from "zod";
import { RequestFailure } from "../../shared/schemas/chat.ts";

export type ApiErrorBody = { error: { message: string; type: string; param: string | null; code: string } };
type ApiErrorStatus = 400 | 401 | 404 | 405 | 413 | 429 | 500 | 503;

/** One refused request. The official clients turn `status` into their error classes. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: ApiErrorStatus;
  readonly code: string;
  readonly param: string | null;
  constructor(status: ApiErrorStatus, error: { code: string; message: string; param?: string }) {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.param = error.param ?? null;
  }

  body(): ApiErrorBody {
    return { error: { message: this.message, type: typeFor(this.status), param: this.param, code: this.code } };
  }
}

function typeFor(status: ApiErrorStatus): string {
  if (status === 401) return "authentication_error";
  if (status === 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

/** What an engine's failure is to the caller over HTTP. */
export function apiErrorOf({ code, message, retryable }: RequestFailure): ApiError {
  if (code === "rate_limited") return new ApiError(429, { code, message });
  if (code === "model_not_found") return new ApiError(404, { code, message });
  return new ApiError(retryable ? 503 : 400, { code, message });
}

const CarriesFailure = z.object({ failure: RequestFailure });

/** An engine's refusal is thrown as an error that carries a `failure`; anything else is a fault of this server. */
export function apiErrorFrom(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const carried = CarriesFailure.safeParse(error);
  if (carried.success) return apiErrorOf(carried.data.failure);
  const message = `the engine failed: ${error instanceof Error ? error.message : String(error)}`;
  return new ApiError(500, { code: "engine_error", message });
}
