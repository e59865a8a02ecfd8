/** What an error of the client says about the request, the server and the next step. */
import { APIConnectionError, APIConnectionTimeoutError, APIError } from "openai";
import type { RequestFailure } from "../../../shared/schemas/chat.ts";
import type { ModelRef } from "../../../shared/schemas/config.ts";
import { ImageUnusable } from "./images.ts";
import { askedPauseMs } from "./retry.ts";

/** An engine that cannot be used as configured, or a stream that broke; `failure` says why and what to do. */
export class EngineFailure extends Error {
  override name = "EngineFailure";
  readonly failure: RequestFailure;
  constructor(failure: RequestFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** A reply with status 200 that is not a chat completion. */
export class GarbledReply extends Error {
  override name = "GarbledReply";
}

/**
 * `overload`, `transient`, `unreachable` and `garbled` may be tried again; `final` ends this request;
 * `fatal` ends every request to this model, because all would end the same way.
 */
export type Verdict = {
  kind: "overload" | "transient" | "unreachable" | "garbled" | "final" | "fatal";
  failure: RequestFailure;
  /** What the server asked us to wait, milliseconds. */
  pauseMs?: number | undefined;
  /** The parameter the server named as the culprit. */
  param?: string | undefined;
};

/** Who is asked, for messages a person can act on. */
export type Asked = { server: ModelRef; apiKey: string | undefined; model: string; now: number };

export function verdictOn(error: unknown, asked: Asked): Verdict {
  if (error instanceof APIConnectionTimeoutError) return timedOut(asked);
  if (error instanceof APIConnectionError) return unreachable(error, asked);
  if (error instanceof APIError) return judgedByStatus(error, asked);
  if (error instanceof ImageUnusable) return verdict("final", "image_unusable", error.message);
  if (error instanceof GarbledReply || error instanceof SyntaxError) {
    return verdict(
      "garbled",
      "garbled_reply",
      `${whereOf(asked)} sent no chat completion: ${error.message}. Is baseUrl an OpenAI-compatible API?`,
    );
  }
  // A connection that breaks inside the body surfaces as fetch's own TypeError ("terminated").
  return unreachable(error, asked);
}

function verdict(kind: Verdict["kind"], code: string, message: string): Verdict {
  const retryable = kind !== "final" && kind !== "fatal";
  return { kind, failure: { code, message, retryable } };
}

function timedOut(asked: Asked): Verdict {
  const { timeoutSeconds } = asked.server;
  return verdict(
    "overload",
    "timed_out",
    `${whereOf(asked)} did not answer within ${timeoutSeconds} s. Raise timeoutSeconds or lower maxConcurrency.`,
  );
}

/** What fails before a connection stands: the server has seen no request, and bills none. */
const NO_CONNECTION =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT|TLS|bad port/;

function unreachable(error: unknown, asked: Asked): Verdict {
  return verdict(
    "unreachable",
    NO_CONNECTION.test(innermost(error)) ? "not_connected" : "connection_lost",
    `no connection to ${whereOf(asked)} (${innermost(error)}). Is the server running, and is baseUrl right?`,
  );
}

/** Node's fetch hides the reason (`ECONNREFUSED`, `ENOTFOUND`, …) in a chain of causes. */
function innermost(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return innermost(error.cause);
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return [code, error.message].filter((text) => text !== undefined && text !== "").join(": ");
}

function judgedByStatus(error: APIError, asked: Asked): Verdict {
  const said = `${whereOf(asked)} answered ${withoutKey(error.message, asked.apiKey)}`;
  const pauseMs = askedPauseMs(error.headers, asked.now);
  switch (error.status) {
    case 401:
      return verdict("fatal", "key_refused", `${said}. ${keyAdvice(asked)}`);
    case 402:
      return verdict(
        "fatal",
        "quota_exhausted",
        `${said}. Add credit to the account behind ${asked.server.apiKeyEnv}.`,
      );
    case 403:
      return verdict("fatal", "forbidden", `${said}. ${keyAdvice(asked)}`);
    case 404:
      return verdict("fatal", "model_not_found", `${said}. Check the model's name and baseUrl (most end in /v1).`);
    case 429:
      if (error.code === "insufficient_quota")
        return verdict(
          "fatal",
          "quota_exhausted",
          `${said}. Add credit to the account behind ${asked.server.apiKeyEnv}.`,
        );
      return {
        ...verdict("overload", "rate_limited", `${said}. Lower maxConcurrency or ask for a higher limit.`),
        pauseMs,
      };
    case 503:
    case 504: // gateways' time-out
    case 529: // "overloaded" at some providers
      return { ...verdict("overload", "overloaded", `${said}. Try again later or lower maxConcurrency.`), pauseMs };
    case 408:
    case 409:
      return { ...verdict("transient", "server_error", `${said}. Try again later.`), pauseMs };
  }
  if (error.status === undefined || error.status >= 500)
    return { ...verdict("transient", "server_error", `${said}. Look into the server's log.`), pauseMs };
  const refused = verdict(
    "final",
    "bad_request",
    `${said}. The request itself is at fault; the same request will fail again.`,
  );
  return { ...refused, param: error.param ?? undefined };
}

function keyAdvice({ server, apiKey }: Asked): string {
  return apiKey === undefined
    ? `The environment variable ${server.apiKeyEnv} is not set: put the server's key there.`
    : `Check the key in the environment variable ${server.apiKeyEnv}.`;
}

function whereOf({ server, model }: Asked): string {
  return `${server.baseUrl} (model ${model})`;
}

/** Some servers repeat the key they refuse; it must not reach logs and reports. */
function withoutKey(message: string, apiKey: string | undefined): string {
  return apiKey === undefined || apiKey === "" ? message : message.replaceAll(apiKey, "***");
}
