/** What the parts of the adapter share about one server. */
import { OpenAI } from "openai";
import type { BlobStore } from "../../../shared/ports/blob-store.ts";
import type { Clock } from "../../../shared/ports/clock.ts";
import type { Random } from "../../../shared/random.ts";
import type { RequestFailure } from "../../../shared/schemas/chat.ts";
import type { ModelRef } from "../../../shared/schemas/config.ts";
import { EngineFailure, type Verdict, verdictOn } from "./failure.ts";
import { Gate, type Pass } from "./gate.ts";
import { type Health, modelHealth } from "./health.ts";

export type OpenAIEngineOptions = {
  /** Server, concurrency and time-out; requests name their own model, which changes from round to round. */
  model: ModelRef;
  /** The value of `model.apiKeyEnv`; `undefined` sends no Authorization header. */
  apiKey: string | undefined;
  blobs: BlobStore;
  clock: Clock;
  random: Random;
  fetch?: typeof globalThis.fetch;
};

export type Connection = OpenAIEngineOptions & {
  client: OpenAI;
  gate: Gate;
  health: Health;
  /** Models that refuse `n`. */
  singleChoiceModels: Set<string>;
};

export function connectionTo(options: OpenAIEngineOptions): Connection {
  return {
    ...options,
    client: clientFor(options),
    gate: new Gate(options.model.maxConcurrency, options.clock),
    health: modelHealth(options.clock),
    singleChoiceModels: new Set(),
  };
}

/** Everything the client would read from the environment is given, so that only the config decides. */
function clientFor({ model, apiKey, fetch }: OpenAIEngineOptions): OpenAI {
  if (model.baseUrl === undefined) {
    throw new Error(`openai model ${model.model} needs baseUrl, e.g. http://127.0.0.1:8000/v1`);
  }
  return new OpenAI({
    baseURL: model.baseUrl,
    apiKey: apiKey ?? "none",
    ...(apiKey === undefined ? { defaultHeaders: { Authorization: null } } : {}),
    adminAPIKey: null,
    organization: null,
    project: null,
    logLevel: "off", // every error becomes a reply
    maxRetries: 0, // ours obey the gate
    timeout: model.timeoutSeconds * 1000,
    ...(fetch === undefined ? {} : { fetch }),
  });
}

export function judgeFor({ model: server, apiKey, clock }: Connection, model: string): (error: unknown) => Verdict {
  return (error) => verdictOn(error, { server, apiKey, model, now: clock.now() });
}

/** A pass to the server, or the reason why there is none. Throws the signal's reason. */
export async function passFor(
  connection: Connection,
  model: string,
  signal: AbortSignal,
): Promise<Pass | RequestFailure> {
  const { gate, health } = connection;
  const stopped = health.stopped(model);
  if (stopped !== undefined) return stopped;
  try {
    return await gate.begin(AbortSignal.any([signal, health.signal(model)]));
  } catch (reason) {
    if (reason instanceof EngineFailure) return reason.failure;
    throw reason;
  }
}
