/** The service's API on a real port, over SQLite, with real limits; its models are the embedded ones or a test's own. */
import { setTimeout as wait } from "node:timers/promises";
import OpenAI, { type ClientOptions } from "openai";
import { systemClock } from "../../../functions/adapters/clock.ts";
import { openCatalog } from "../../../functions/api/chat/catalog.ts";
import type { ModelCatalog } from "../../../functions/api/deps.ts";
import { listen } from "../../../functions/api/listen.ts";
import { openEmbeddedEngine } from "../../../functions/embedded/engine.ts";
import { sceneRows } from "../../../functions/embedded/world/manifest.ts";
import { EMBEDDED, embeddedConfig } from "../../../functions/runtime/embedded-models.ts";
import type { Engine } from "../../../shared/ports/engine.ts";
import { ModelRef, RunConfig } from "../../../shared/schemas/config.ts";
import { openTestApi } from "../../support/api.ts";

const NONE = { data: "none", selection: "none", evaluation: "none" };
const EMBEDDED_CONFIG = embeddedConfig({ name: "chat", seed: 1, rounds: 1, ...NONE });
/** USD for a million tokens. */
export const PRICE = { input: 1, output: 10 };

/** All roles on one server of that price. */
export function pricedConfig(price: { input: number; output: number } = PRICE): RunConfig {
  const model = ModelRef.parse({ engine: "openai", model: "vlm", baseUrl: "http://127.0.0.1:9/v1", price });
  return RunConfig.parse({
    ...{ policy: model, divider: model, questioner: model, labelers: [model], data: { path: "none" } },
    generate: { maxTokens: 100 },
  });
}

/** With an engine, `vlm` is served on it and paid by the token; without, the embedded models are. */
export async function openChatService(engine?: Engine, config = engine ? pricedConfig() : EMBEDDED_CONFIG) {
  let catalog: ModelCatalog | undefined;
  const models: ModelCatalog = {
    list: () => catalog!.list(),
    find: (id) => catalog!.find(id),
    bind: (...of) => catalog!.bind(...of),
  };
  const api = await openTestApi("sqlite", { clock: systemClock, models });
  const { store, blobs } = api.deps;
  const served = engine ?? openEmbeddedEngine({ blobs });
  catalog = openCatalog({
    ...{ store, blobs, clock: systemClock, bind: binder(served) },
    base: [{ id: config.policy.model, config }],
  });
  const listening = await listen(api.app, { port: 0, host: "127.0.0.1" });
  const baseURL = `${listening.url}/v1`;
  const chatKey = await api.keyOf(["chat"]);
  return {
    ...{ api, baseURL, chatKey, store, blobs },
    client: (options: ClientOptions = {}) => new OpenAI({ baseURL, apiKey: chatKey, maxRetries: 0, ...options }),
    /** What a key has used today. */
    async usage(key = chatKey) {
      const { id, limits } = await principalOf(api, key);
      return api.deps.admission.usage({ id, kind: "key", scopes: ["chat"], limits });
    },
    async [Symbol.asyncDispose]() {
      await listening.close();
      await api[Symbol.asyncDispose]();
    },
  };
}

export type ChatService = Awaited<ReturnType<typeof openChatService>>;

/** What was used once nothing is under way any more. */
export async function settled(service: Pick<ChatService, "usage">) {
  for (;;) {
    const usage = await service.usage();
    if (usage.concurrentRequests.used === 0) return usage;
    await wait(5);
  }
}

async function principalOf({ deps }: { deps: Awaited<ReturnType<typeof openTestApi>>["deps"] }, key: string) {
  const keyId = key.split("_")[1]!;
  const row = await deps.service.keys.get(keyId);
  return { id: `key_${keyId}`, limits: row!.limits };
}

function binder(engine: Engine): ModelCatalog["bind"] {
  return async ({ model }, checkpoint) => {
    const name = checkpoint?.key ?? model;
    const info = await engine.describe(name);
    return { engine, model: name, revision: info.revision, info };
  };
}

export type Scene = { url: string; bytes: Uint8Array; present: string[]; question: string };

/** A picture of the embedded world, and what is on it. */
export async function scene(seed = 1): Promise<Scene> {
  for await (const { image, metadata, question } of sceneRows({ split: "tuning", seed, count: 1 })) {
    const url = `data:image/png;base64,${Buffer.from(image).toString("base64")}`;
    return { url, bytes: image, present: metadata.scene.objects.map((object) => object.class), question };
  }
  throw new Error("the world drew no picture");
}

export const EMBEDDED_POLICY = EMBEDDED.policy.model;

/** A question about a picture, as clients send it. */
export function about({ url, question }: Pick<Scene, "url" | "question">) {
  return [
    {
      role: "user" as const,
      content: [
        { type: "image_url" as const, image_url: { url } },
        { type: "text" as const, text: question },
      ],
    },
  ];
}
