/** What Modal's SDK throws, told as what it means for a call. */
import { FunctionTimeoutError, InternalFailure, NotFoundError, RemoteError, TimeoutError } from "modal";
import type { GpuCallState } from "../../../shared/ports/calls.ts";
import { CallGone } from "./client.ts";

/** Of gRPC. */
const STATUS = { notFound: 5, permissionDenied: 7, resourceExhausted: 8, unauthenticated: 16 } as const;

/** Too many calls wait, or Modal has asked to slow down for longer than we wait. */
export function isBusy(error: unknown): error is Error {
  return statusOf(error) === STATUS.resourceExhausted;
}

/** Modal knows no such app, function, version or call. */
export function isMissing(error: unknown): boolean {
  return error instanceof NotFoundError || statusOf(error) === STATUS.notFound;
}

export function isRefused(error: unknown): boolean {
  const status = statusOf(error);
  return status === STATUS.unauthenticated || status === STATUS.permissionDenied;
}

function statusOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/**
 * The state of a call whose result could not be had. A function tells foreseen failures itself (`GpuReport`), so what is
 * left here is a container that died or hung: worth another try. Anything that says nothing about the call is thrown on.
 */
export function stateAfter(error: unknown): GpuCallState {
  // first: the SDK makes this error match FunctionTimeoutError too
  if (error instanceof TimeoutError) return { outcome: "running" };
  if (isMissing(error)) return { outcome: "unknown" };
  if (error instanceof CallGone)
    return error.ending === "expired"
      ? { outcome: "unknown" }
      : { outcome: "failed", message: error.message, retryable: false };
  if (isEnd(error)) return { outcome: "failed", message: error.message, retryable: true };
  throw error;
}

function isEnd(error: unknown): error is Error {
  return error instanceof FunctionTimeoutError || error instanceof RemoteError || error instanceof InternalFailure;
}
