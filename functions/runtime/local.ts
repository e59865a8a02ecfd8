/** One machine: the only place that chooses the adapters of the embedded default. */
import { join } from "node:path";
import { loopDefinition } from "../../shared/loop.ts";
import { IN_PROCESS_LIMITS } from "../../shared/loop-stages.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { Engine } from "../../shared/ports/engine.ts";
import type { Trainer } from "../../shared/ports/trainer.ts";
import type { EventSink } from "../../shared/schemas/events.ts";
import { type LocalOrchestrator, openOrchestrator } from "../adapters/asl/orchestrator.ts";
import { systemClock } from "../adapters/clock.ts";
import { folderBlobStore } from "../adapters/files/blob-store.ts";
import { acquireLock, heldMessage } from "../adapters/files/lock.ts";
import { openSqliteStore, type SqliteStore } from "../adapters/sqlite/store.ts";
import { EXIT, UserError } from "../cli/errors.ts";
import { openEmbeddedEngine } from "../embedded/engine.ts";
import { hostedEngine } from "../embedded/hosted/engine.ts";
import { hostedTrainer } from "../embedded/hosted/trainer.ts";
import { embeddedTrainer } from "../embedded/trainer.ts";
import { scenesBench } from "../embedded/world/bench.ts";
import type { WorkerDeps } from "../workers/deps.ts";
import { dispatch } from "../workers/dispatch.ts";
import { evaluate } from "../workers/evaluate.ts";
import { gate } from "../workers/gate.ts";
import { pair } from "../workers/pair.ts";
import { plan } from "../workers/plan.ts";
import { prepare } from "../workers/prepare.ts";
import { select } from "../workers/select.ts";
import { train } from "../workers/train.ts";
import { type ModelSource, modelSource } from "./models.ts";

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

export type LocalOptions = {
  dataDir: string;
  env: NodeJS.ProcessEnv;
  /**
   * Where the embedded models compute. `in-process` is faster for a single run; `threads` leaves this thread free for
   * whoever asks, and deals every engine between the flows that use it.
   */
  compute?: "in-process" | "threads";
};

/** Opens the folder for reading: status and exports work beside a running process. */
export async function openLocal({ dataDir, env, compute = "in-process" }: LocalOptions): Promise<Local> {
  const store = openSqliteStore(join(dataDir, STATE_FILE));
  const blobs = await folderBlobStore(dataDir);
  const clock = systemClock;
  const { engine, trainer, close } = compute === "threads" ? computeInThreads(dataDir) : computeHere(blobs);
  const models = modelSource({ blobs, clock, env, embedded: engine, fair: compute === "threads" });
  return {
    dataDir,
    store,
    blobs,
    clock,
    models,
    trainer,
    async close() {
      await close();
      await store.close();
    },
  };
}

type Compute = { engine: () => Engine; trainer: Trainer; close: () => Promise<void> };

function computeHere(blobs: BlobStore): Compute {
  return {
    engine: () => openEmbeddedEngine({ blobs }),
    trainer: embeddedTrainer({ blobs }),
    close: () => Promise.resolve(),
  };
}

function computeInThreads(dataDir: string): Compute {
  const [engine, trainer] = [hostedEngine({ dataDir }), hostedTrainer({ dataDir })];
  return {
    engine: () => engine,
    trainer,
    async close() {
      await Promise.all([engine.close(), trainer.close()]);
    },
  };
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
  const workers = { prepare, plan, dispatch, pair, train, evaluate, select, gate };
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
