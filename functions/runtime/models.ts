/** Engines by model: one per server, one embedded engine per process. */
import type { BoundModel } from "../../shared/answer.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { Engine, EngineInfo } from "../../shared/ports/engine.ts";
import { randomFrom } from "../../shared/random.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";
import type { Checkpoint } from "../../shared/schemas/rows.ts";
import { openaiEngine } from "../adapters/openai/engine.ts";
import { EngineFailure } from "../adapters/openai/failure.ts";
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
  /** The server that a `modal` model is served by for single chats; left out: it cannot be used here at all. */
  served?: (model: ModelRef) => ModelRef;
};

export function modelSource(world: World): ModelSource {
  const engines = new Map<string, Promise<Engine>>();
  const shared = new Map<string, Promise<FairEngine>>();
  const infos = new Map<string, Promise<EngineInfo>>();

  const openai = (model: ModelRef): Engine =>
    openaiEngine({ ...world, model, apiKey: world.env[model.apiKeyEnv], random: randomFrom(Date.now()) });
  const engine = (model: ModelRef): Promise<Engine> =>
    remembered(engines, serverOf(model), async () => {
      if (model.engine === "embedded") return world.embedded();
      return model.engine === "modal" ? openai((world.served ?? notHere)(model)) : openai(model);
    });
  const engineFor = async (model: ModelRef, flow: string | undefined): Promise<Engine> => {
    if (flow === undefined || !world.fair) return engine(model);
    const limits = model.engine === "embedded" ? EMBEDDED_LIMITS : { inFlight: model.maxConcurrency };
    const dealt = await remembered(shared, serverOf(model), async () => fairEngine(await engine(model), limits));
    return dealt.for(flow);
  };
  const describe = async (model: ModelRef, name: string): Promise<EngineInfo> =>
    model.engine === "modal" && world.served !== undefined
      ? onModal(model)
      : remembered(infos, `${serverOf(model)} ${name}`, async () => (await engine(model)).describe(name));

  return {
    engine,
    async bind(model, checkpoint, flow) {
      const name = checkpoint === undefined ? model.model : nameOf(model, checkpoint);
      const info = await describe(model, name);
      const revision = checkpoint?.sha256 ?? info.revision;
      const bound = model.engine === "modal" ? lazily(() => engineFor(model, flow)) : await engineFor(model, flow);
      return { engine: bound, model: name, revision, info };
    },
  };
}

/** The embedded engine finds a checkpoint's weights by its key; a server on Modal knows them by the checkpoint's name. */
const nameOf = ({ engine }: ModelRef, { id, key }: Checkpoint): string => (engine === "modal" ? id : key);

/** vLLM gives logprobs and obeys JSON schemas; which weights are loaded stands in the config. */
function onModal({ model, revision }: ModelRef): EngineInfo {
  const warning = `${model} has no revision: its newest weights are used; name a commit in "revision" so that the run can be repeated`;
  return {
    name: "modal",
    revision: revision ?? "",
    logprobs: true,
    structuredOutput: true,
    warnings: revision === undefined ? [warning] : [],
  };
}

function notHere({ model }: ModelRef): never {
  throw new EngineFailure({
    code: "modal_not_here",
    message: `${model}: the engine "modal" needs a service that is deployed on AWS and Modal (docs/deploy.md); send the run there with --server URL`,
    retryable: false,
  });
}

/** A model whose batches are answered elsewhere is bound without a server being there for its chat. */
function lazily(open: () => Promise<Engine>): Engine {
  return {
    describe: async (model) => (await open()).describe(model),
    async *run(lines, signal) {
      yield* (await open()).run(lines, signal);
    },
    async *stream(body, signal) {
      yield* (await open()).stream(body, signal);
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
  return engine === "embedded" ? engine : [engine, baseUrl, apiKeyEnv, maxConcurrency, timeoutSeconds].join(" ");
}
