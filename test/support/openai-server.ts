/** The engine server over the scripted engine on a real port, with faults a real server has. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { systemClock } from "../../functions/adapters/clock.ts";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { memoryStateStore } from "../../functions/adapters/memory/state-store.ts";
import { openaiEngine } from "../../functions/adapters/openai/engine.ts";
import { type EngineServerOptions, engineServer } from "../../functions/api/chat/engine-server.ts";
import type { Images } from "../../functions/api/deps.ts";
import { embeddedConfig } from "../../functions/runtime/embedded-models.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { Engine } from "../../shared/ports/engine.ts";
import { randomFrom } from "../../shared/random.ts";
import type { ChatBody } from "../../shared/schemas/chat.ts";
import { ModelRef } from "../../shared/schemas/config.ts";
import { type FakeEngine, type FakeEngineOptions, fakeEngine } from "./fake-engine.ts";

export type Fault =
  | { kind: "status"; status: number; headers?: Record<string, string>; body?: unknown }
  | { kind: "hang" }
  | { kind: "reset before reply" }
  | { kind: "reset mid-body" }
  | { kind: "malformed JSON" }
  | { kind: "not a completion" }
  | { kind: "slow"; ms: number };

/** What comes instead of the answer to chat request number `request` (from 0) while `inFlight` (with it) are open. */
export type FaultPlan = (chat: { request: number; inFlight: number }) => Fault | undefined;

export type TestServer = AsyncDisposable & {
  baseUrl: string;
  engine: FakeEngine;
  images: BlobStore;
  /** Chat requests that arrived. */
  requests: number;
  mostInFlight: number;
  faults: number;
};

export type TestServerOptions = FakeEngineOptions & {
  faults?: FaultPlan;
  models?: readonly string[];
  server?: Partial<Pick<EngineServerOptions, "apiKeys" | "gather">>;
};

export async function openaiServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { faults, models = ["fake-vlm"], server: serverOptions, ...engineOptions } = options;
  const engine = fakeEngine(engineOptions);
  const images = memoryBlobStore();
  const app = engineServer({ ...servedOn(engine, { models, images }), ...serverOptions });
  const answer = getRequestListener(app.fetch);
  let inFlight = 0;
  const http = createServer(async (request, response) => {
    if (!request.url?.endsWith("/chat/completions")) return void answer(request, response);
    inFlight++;
    test.mostInFlight = Math.max(test.mostInFlight, inFlight);
    response.on("close", () => inFlight--);
    const fault = faults?.({ request: test.requests, inFlight });
    test.requests++;
    if (fault !== undefined) test.faults++;
    if (fault === undefined || (await interfered(fault, request, response))) void answer(request, response);
  });
  await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
  const { port } = http.address() as AddressInfo;
  const test: TestServer = {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    engine,
    images,
    requests: 0,
    mostInFlight: 0,
    faults: 0,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((closed) => {
        http.close(() => closed());
        http.closeAllConnections();
      }),
  };
  return test;
}

/** What the engine server needs, with parts that forget everything with the process. */
export function servedOn(
  engine: Engine,
  { models = ["fake-vlm"], images = memoryBlobStore() }: { models?: readonly string[]; images?: BlobStore } = {},
): EngineServerOptions {
  const { replies } = memoryStateStore();
  const config = embeddedConfig({ name: "t", seed: 1, rounds: 1, data: "none", selection: "none", evaluation: "none" });
  return { engine, models: () => models, images: plainImages(images), replies, config, clock: systemClock };
}

/** Takes data URLs as they are: for tests whose engine looks at no pixel. */
export function plainImages(blobs: BlobStore): Pick<Images, "open"> {
  return {
    async open(reference) {
      const [, base64] = /^data:image\/\w+;base64,(.*)$/.exec(reference) ?? [];
      if (base64 === undefined)
        return { outcome: "refused", code: "unknown_encoding", reason: "no data URL", fix: "Send a data URL." };
      const bytes = Buffer.from(base64, "base64");
      const sha256 = await blobs.writeContent(bytes);
      return { outcome: "accepted", bytes, sha256, format: "png", width: 1, height: 1, changed: [] };
    },
  };
}

/** True when the answer still has to be given. */
async function interfered(fault: Fault, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  if (fault.kind === "slow") {
    await systemClock.sleep(fault.ms);
    return true;
  }
  request.resume();
  if (fault.kind === "reset before reply") request.socket.destroy();
  if (fault.kind === "status") {
    const body = fault.body ?? {
      error: { message: `injected ${fault.status}`, type: "test", param: null, code: null },
    };
    response
      .writeHead(fault.status, { "content-type": "application/json", ...fault.headers })
      .end(JSON.stringify(body));
  }
  if (fault.kind === "malformed JSON")
    response.writeHead(200, { "content-type": "application/json" }).end('{"id": "x", "choi');
  if (fault.kind === "not a completion")
    response.writeHead(200, { "content-type": "text/html" }).end("<h1>It works!</h1>");
  if (fault.kind === "reset mid-body") {
    response.writeHead(200, { "content-type": "application/json", "content-length": "1000" }).write('{"id": "x", ');
    setTimeout(() => request.socket.destroy(), 5);
  }
  return false;
}

/** Time that runs a hundred times faster; remembers which sleeps were asked of it, milliseconds. */
export function hastyClock(): Clock & { slept: number[] } {
  const slept: number[] = [];
  const start = systemClock.now();
  return {
    slept,
    now: () => start + (systemClock.now() - start) * 100,
    sleep(ms, signal) {
      slept.push(ms);
      return systemClock.sleep(ms / 100, signal);
    },
  };
}

/** Our client of a test server, in hasty time. */
export function clientOf(
  server: { baseUrl: string },
  options: {
    maxConcurrency?: number;
    timeoutSeconds?: number;
    apiKey?: string;
    blobs?: BlobStore;
    fetch?: typeof fetch;
  } = {},
) {
  const { apiKey, blobs = memoryBlobStore(), fetch: ownFetch, ...model } = options;
  const clock = hastyClock();
  const ref = ModelRef.parse({
    engine: "openai",
    model: "fake-vlm",
    baseUrl: server.baseUrl,
    apiKeyEnv: "TEST_KEY",
    ...model,
  });
  const engine = openaiEngine({
    model: ref,
    apiKey,
    blobs,
    clock,
    random: randomFrom(5),
    ...(ownFetch ? { fetch: ownFetch } : {}),
  });
  return { engine, clock, blobs };
}

/** A question in words, for the scripted engine. */
export function question(text: string, more: Partial<ChatBody> = {}): ChatBody {
  return { model: "fake-vlm", messages: [{ role: "user", content: text }], seed: 1, ...more };
}

/** One grey pixel. */
export const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==",
  "base64",
);
