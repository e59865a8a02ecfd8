/** What a thread and its host tell each other. */
import { z } from "zod";
import { RequestFailure } from "../../../shared/schemas/chat.ts";

export type ToThread =
  | { kind: "call"; id: number; method: string; args: unknown }
  | { kind: "abort"; id: number }
  /** Stop all calls, and end when nothing is left to do. */
  | { kind: "close" };

export type FromThread =
  /** What a call has made since the last message, in order. */
  | { id: number; kind: "items"; items: unknown[] }
  | { id: number; kind: "result"; result: unknown }
  | { id: number; kind: "error"; error: PlainError };

/** An error as plain data: class instances lose their own fields between threads. */
export type PlainError = { name: string; message: string; failure?: RequestFailure };

const CarriesFailure = z.object({ failure: RequestFailure });

export function plainError(error: unknown): PlainError {
  const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
  const carried = CarriesFailure.safeParse(error);
  return { name, message, ...(carried.success ? { failure: carried.data.failure } : {}) };
}

/** The error as it was thrown in the thread, with its `failure` if it had one. */
export function errorFrom({ name, message, failure }: PlainError): Error {
  return Object.assign(new Error(message), { name, ...(failure === undefined ? {} : { failure }) });
}
