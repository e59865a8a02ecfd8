/** One machine: the only place that chooses the adapters of the embedded default. */
import { join } from "node:path";
import type { BoundModel } from "../../shared/answer.ts";
import { loopDefinition } from "../../shared/loop.ts";
import { IN_PROCESS_LIMITS } from "../../shared/loop-stages.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { Engine, EngineInfo } from "../../shared/ports/engine.ts";
import type { Trainer } from "../../shared/ports/trainer.ts";
import { randomFrom } from "../../shared/random.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";
import type { EventSink } from "../../shared/schemas/events.ts";
import type { Checkpoint } from "../../shared/schemas/rows.ts";
import { type LocalOrchestrator, openOrchestrator } from "../adapters/asl/orchestrator.ts";
import { systemClock } from "../adapters/clock.ts";
import { folderBlobStore } from "../adapters/files/blob-store.ts";
import { acquireLock, heldMessage } from "../adapters/files/lock.ts";
import { openaiEngine } from "../adapters/openai/engine.ts";
import { openSqliteStore, type SqliteStore } from "../adapters/sqlite/store.ts";
import { EXIT, UserError } from "../cli/errors.ts";
import { openEmbeddedEngine } from "../embedded/engine.ts";
import { embeddedTrainer } from "../embedded/trainer.ts";
import { scenesBench } from "../embedded/world/bench.ts";
import type { WorkerDeps } from "../workers/deps.ts";
import { dispatch } from "../workers/dispatch.ts";
import { evaluate } from "../workers/evaluate.ts";
import { pair } from "../workers/pair.ts";
import { plan } from "../workers/plan.ts";
import { prepare } from "../workers/prepare.ts";
import { select } from "../workers/select.ts";
import { train } from "../workers/train.ts";

/** Runs, samples, shards, money and replies of a data folder. */
export const STATE_FILE = "state.sqlite";

/** Everything open in one data folder. */
export type Local = {
  dataDir: string;
  store: SqliteStore;
  blobs: BlobStore;
  clock: Clock;
  models: ModelSource;
  trainer: Trainer;
  close(): Promise<void>;
};

/** Opens the folder for reading: status and exports work beside a running process. */
export async function openLocal(options: { dataDir: string; env: NodeJS.ProcessEnv }): Promise<Local> {
  const { dataDir, env } = options;
  const store = openSqliteStore(join(dataDir, STATE_FILE));
  const blobs = await folderBlobStore(dataDir);
  const clock = systemClock;
  const models = modelSource({ blobs, clock, env });
  return { dataDir, store, blobs, clock, models, trainer: embeddedTrainer({ blobs }), close: () => store.close() };
}

/** Runs `work` as the only process that writes in the folder. */
export async function withLock<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  const lock = await acquireLock(dataDir);
  if (lock.outcome === "held") {
    throw new UserError(heldMessage(dataDir, lock), {
      fix: "if a service works there, ask it with --server URL; or work in another folder with --data DIR",
      exitCode: EXIT.busy,
    });
  }
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

export type ModelSource = {
  /** One engine per server, one embedded engine per process. */
  engine: (model: ModelRef) => Promise<Engine>;
  /** `flow`: whose share of the engine's concurrency it is, e.g. a run's or a key's; left out: nobody shares it. */
  bind: (
    model: ModelRef,
    checkpoint: Checkpoint | undefined,
    flow?: string,
  ) => Promise<BoundModel & { info: EngineInfo }>;
};

function modelSource(world: { blobs: BlobStore; clock: Clock; env: NodeJS.ProcessEnv }): ModelSource {
  const engines = new Map<string, Promise<Engine>>();
  const infos = new Map<string, Promise<EngineInfo>>();
  const remembered = <T>(cache: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> => {
    const known = cache.get(key) ?? make();
    cache.set(key, known);
    return known;
  };
  const engine = (model: ModelRef): Promise<Engine> =>
    remembered(engines, model.engine === "embedded" ? "embedded" : serverOf(model), async () =>
      model.engine === "embedded"
        ? openEmbeddedEngine({ blobs: world.blobs })
        : openaiEngine({ ...world, model, apiKey: world.env[model.apiKeyEnv], random: randomFrom(Date.now()) }),
    );
  const describe = (model: ModelRef, name: string) =>
    remembered(infos, `${model.engine} ${model.baseUrl} ${name}`, async () => (await engine(model)).describe(name));
  return {
    engine,
    async bind(model, checkpoint, _flow) {
      // The embedded engine finds a checkpoint's weights by its key; a server is told the name it serves them under.
      const name = checkpoint === undefined ? model.model : checkpoint.key;
      const info = await describe(model, name);
      return { engine: await engine(model), model: name, revision: checkpoint?.sha256 ?? info.revision, info };
    },
  };
}

/** Executions are called `loop:<runId>.<attempt>`. */
export const LOOP_NAME = "loop";

/**
 * The loop with its workers in this process. Its definition is the deployed one. `flow` is the run's name where several
 * share an engine. Several loops may be open at once: each has a connection of its own, commits within one turn, and
 * touches only the executions it starts. `close` waits for whatever its workers have under way.
 */
export function openLoop(
  local: Local,
  { emit, signal, flow }: { emit: EventSink; signal: AbortSignal; flow: string },
): LocalOrchestrator {
  const underWay = new Set<Promise<unknown>>();
  const track = (work: Promise<unknown>): void => {
    const ended = () => void underWay.delete(work);
    underWay.add(work);
    work.then(ended, ended);
  };
  const deps: WorkerDeps = {
    store: local.store,
    blobs: local.blobs,
    clock: local.clock,
    bind: (model, checkpoint) => local.models.bind(model, checkpoint, flow),
    trainer: local.trainer,
    bench: () => scenesBench,
    complete: (token, report) => orchestrator.complete(token, report),
    track,
    emit,
    signal,
  };
  const workers = { prepare, plan, dispatch, pair, train, evaluate, select };
  const names = Object.keys(workers) as (keyof typeof workers)[];
  const orchestrator = openOrchestrator({
    database: join(local.dataDir, "loop.sqlite"), // of its own: every transition is a commit
    definition: loopDefinition({
      functions: Object.fromEntries(names.map((name) => [name, name])) as Record<keyof typeof workers, string>,
      bucket: "local",
      limits: IN_PROCESS_LIMITS,
    }),
    functions: Object.fromEntries(
      names.map((name) => [
        name,
        (event: unknown) => {
          const done = workers[name](event, deps);
          track(done);
          return done;
        },
      ]),
    ),
    objects: {
      readObject: ({ key }) => readText(local.blobs, key),
      writeObject: async ({ key }, content) => void (await local.blobs.write(key, content)),
    },
    clock: local.clock,
    name: LOOP_NAME,
  });
  const { close } = orchestrator;
  return Object.assign(orchestrator, {
    async close() {
      await close.call(orchestrator);
      await Promise.allSettled(underWay);
    },
  });
}

async function readText(blobs: BlobStore, key: string): Promise<string> {
  const bytes = await blobs.read(key);
  if (bytes === undefined) throw new Error(`${key} is gone: the data folder was changed while a run was in it`);
  return new TextDecoder().decode(bytes);
}

/** Roles with the same server, key and limits share its concurrency, its pauses and its health. */
function serverOf({ baseUrl, apiKeyEnv, maxConcurrency, timeoutSeconds }: ModelRef): string {
  return [baseUrl, apiKeyEnv, maxConcurrency, timeoutSeconds].join(" ");
}
