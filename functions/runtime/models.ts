/** Engines by model: one per server, one embedded engine per process. */
import type { BoundModel } from "../../shared/answer.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { Engine, EngineInfo } from "../../shared/ports/engine.ts";
import { randomFrom } from "../../shared/random.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";
import type { Checkpoint } from "../../shared/schemas/rows.ts";
import { openaiEngine } from "../adapters/openai/engine.ts";
import { EMBEDDED_LIMITS, type FairEngine, fairEngine } from "../fair/fair-engine.ts";

export type ModelSource = {
  engine: (model: ModelRef) => Promise<Engine>;
  /** `flow`: whose share of the engine's concurrency it is, e.g. a run's or a key's; left out: it is not shared. */
  bind: (
    model: ModelRef,
    checkpoint: Checkpoint | undefined,
    flow?: string,
  ) => Promise<BoundModel & { info: EngineInfo }>;
};

type World = {
  blobs: BlobStore;
  clock: Clock;
  env: NodeJS.ProcessEnv;
  embedded: () => Engine;
  /** Deal each engine's concurrency between its flows. */
  fair: boolean;
};

export function modelSource(world: World): ModelSource {
  const engines = new Map<string, Promise<Engine>>();
  const shared = new Map<string, Promise<FairEngine>>();
  const infos = new Map<string, Promise<EngineInfo>>();

  const engine = (model: ModelRef): Promise<Engine> =>
    remembered(engines, serverOf(model), async () =>
      model.engine === "embedded"
        ? world.embedded()
        : openaiEngine({ ...world, model, apiKey: world.env[model.apiKeyEnv], random: randomFrom(Date.now()) }),
    );
  const engineFor = async (model: ModelRef, flow: string | undefined): Promise<Engine> => {
    if (flow === undefined || !world.fair) return engine(model);
    const limits = model.engine === "embedded" ? EMBEDDED_LIMITS : { inFlight: model.maxConcurrency };
    const dealt = await remembered(shared, serverOf(model), async () => fairEngine(await engine(model), limits));
    return dealt.for(flow);
  };
  const describe = (model: ModelRef, name: string) =>
    remembered(infos, `${serverOf(model)} ${name}`, async () => (await engine(model)).describe(name));

  return {
    engine,
    async bind(model, checkpoint, flow) {
      // The embedded engine finds a checkpoint's weights by its key; a server is told the name it serves them under.
      const name = checkpoint === undefined ? model.model : checkpoint.key;
      const info = await describe(model, name);
      const revision = checkpoint?.sha256 ?? info.revision;
      return { engine: await engineFor(model, flow), model: name, revision, info };
    },
  };
}

/** What failed is not remembered: a server that was down may be up the next time. */
function remembered<T>(cache: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const made = make();
  cache.set(key, made);
  made.catch(() => cache.delete(key));
  return made;
}

/** Roles with the same server, key and limits share its concurrency, its pauses and its health. */
function serverOf({ engine, baseUrl, apiKeyEnv, maxConcurrency, timeoutSeconds }: ModelRef): string {
  return engine === "embedded" ? engine : [baseUrl, apiKeyEnv, maxConcurrency, timeoutSeconds].join(" ");
}
