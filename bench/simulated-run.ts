/** A whole run of the loop, its real workers and interpreter on stores in memory, against a simulated server on virtual time. */
import { openOrchestrator } from "../functions/adapters/asl/orchestrator.ts";
import { memoryBlobStore } from "../functions/adapters/memory/blob-store.ts";
import { memoryStateStore } from "../functions/adapters/memory/state-store.ts";
import type { WorkerDeps } from "../functions/workers/deps.ts";
import { dispatch } from "../functions/workers/dispatch.ts";
import { writeJson } from "../functions/workers/files.ts";
import { gate } from "../functions/workers/gate.ts";
import { pair } from "../functions/workers/pair.ts";
import { plan } from "../functions/workers/plan.ts";
import { prepare } from "../functions/workers/prepare.ts";
import { runAccount } from "../shared/budget/accounts.ts";
import { toMicros } from "../shared/budget/prices.ts";
import { sampleIdOf } from "../shared/ids.ts";
import { configKey, samplesKey } from "../shared/keys.ts";
import { loopDefinition } from "../shared/loop.ts";
import { IN_PROCESS_LIMITS } from "../shared/loop-stages.ts";
import type { BlobStore } from "../shared/ports/blob-store.ts";
import type { Execution, Json } from "../shared/ports/orchestrator.ts";
import type { StateStore } from "../shared/ports/state-store.ts";
import { RunConfig } from "../shared/schemas/config.ts";
import type { SampleState, StageName } from "../shared/schemas/rows.ts";
import type { Submitted } from "../shared/schemas/sample.ts";
import { eventClock } from "./event-clock.ts";
import { type Load, type SimulatedServer, simulatedServer } from "./simulated-server.ts";

/** `slots`: requests the server works on at once. */
export type Shape = { samples: number; slots: number; shardSamples: number; concurrentShards: number };

export type Simulated = {
  states: Record<SampleState, number>;
  loads: Map<StageName, Load>;
  requests: number;
  /** Least time, virtual milliseconds, in which the slots can do one stage after the other: sum of latencies / slots. */
  idealMs: number;
  makespanMs: number;
  /** Real CPU time of all threads, without the preparation and with what the simulation itself needs. */
  cpuMs: number;
  /** The part of `cpuMs` that the server and its clock needed: the same requests put to them directly, scaled up. */
  simulationCpuMs: number;
};

const RUN = "bench";

export async function simulateRun(shape: Shape): Promise<Simulated> {
  const clock = eventClock();
  const server = simulatedServer({ slots: shape.slots, clock });
  const store = memoryStateStore();
  const blobs = memoryBlobStore();
  const config = configOf(shape);
  await blobs.write(samplesKey(RUN, "data"), dataLines(shape.samples));
  await writeJson(blobs, configKey(RUN), config);
  await store.ledger.open(runAccount(RUN), toMicros(config.budgetUsd));

  const cpu = process.cpuUsage();
  const loop = openLoop({ store, blobs, clock }, server);
  const { executionId } = await loop.start({ name: RUN, input: { runId: RUN } });
  const execution = await clock.run(loop.settled(executionId));
  const cpuMs = cpuSince(cpu);
  await loop.close();
  if (execution.status !== "SUCCEEDED") throw new Error(`the run ended as ${failureOf(execution)}`);

  const loads = [...server.loads.values()];
  const requests = loads.reduce((sum, load) => sum + load.requests, 0);
  return {
    states: await store.samples.count(RUN, "1.train"),
    loads: server.loads,
    requests,
    idealMs: loads.reduce((sum, load) => sum + idealOf(load, shape.slots), 0),
    makespanMs: clock.now(),
    cpuMs,
    simulationCpuMs: (await cpuOfSimulation(server.sampled, shape)) * (requests / server.sampled.length),
  };
}

/** No schedule is shorter than the work shared evenly, nor than its longest request. */
export const idealOf = ({ busyMs, longestMs }: Load, slots: number): number => Math.max(busyMs / slots, longestMs);

const failureOf = ({ status, error }: Execution) => `${status}: ${error?.error}: ${error?.cause}`;

function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function openLoop(parts: { store: StateStore; blobs: BlobStore; clock: WorkerDeps["clock"] }, server: SimulatedServer) {
  const deps: WorkerDeps = {
    ...parts,
    bind: async ({ model }) => {
      const info = await server.engine.describe(model);
      return { engine: server.engine, model, revision: info.revision, info };
    },
    trainer: undefined,
    bench: () => refused("evaluated"),
    complete: (token, report) => loop.complete(token, report),
    emit: () => undefined,
    signal: new AbortController().signal,
  };
  const loop = openOrchestrator({
    database: ":memory:",
    definition: loopDefinition({ functions: WORKER_NAMES, bucket: "memory", limits: IN_PROCESS_LIMITS }),
    functions: {
      prepare: (event: Json) => prepare(event, deps),
      plan: (event: Json) => plan(event, deps),
      dispatch: (event: Json) => dispatch(event, deps),
      pair: (event: Json) => pair(event, deps),
      train: async () => refused("trained"),
      select: async () => refused("selected"),
      evaluate: async () => refused("evaluated"),
      gate: (event: Json) => gate(event, deps),
    },
    objects: {
      readObject: async ({ key }) => new TextDecoder().decode(await parts.blobs.read(key)),
      writeObject: async ({ key }, content) => void (await parts.blobs.write(key, content)),
    },
    clock: parts.clock,
  });
  return loop;
}

const WORKER_NAMES = {
  prepare: "prepare",
  plan: "plan",
  dispatch: "dispatch",
  pair: "pair",
  train: "train",
  select: "select",
  evaluate: "evaluate",
  gate: "gate",
};

function refused(what: string): never {
  throw new Error(`the simulated run makes a dataset only: nothing is ${what}`);
}

/** A priced server, so that money is reserved and settled as in a real run. */
function configOf({ shardSamples, concurrentShards }: Shape): RunConfig {
  const price = { input: 0.1, output: 0.4 };
  const model = { engine: "openai" as const, model: "simulated", baseUrl: "http://simulated.invalid/v1", price };
  return RunConfig.parse({
    name: RUN,
    data: { path: "simulated" },
    policy: model,
    divider: model,
    questioner: model,
    labelers: [model],
    generate: { candidates: 2, maxTokens: 64 }, // two answers of two claims each: 100,000 samples fit into 2 GB
    budgetUsd: 1_000_000,
    shardSamples,
    maxConcurrentShards: concurrentShards,
  });
}

async function* dataLines(samples: number): AsyncGenerator<string> {
  for (let at = 0; at < samples; at++) yield `${JSON.stringify(sampleAt(at))}\n`;
}

function sampleAt(at: number): Submitted {
  const sha256 = at.toString(16).padStart(64, "0");
  const question = "What is in the picture?";
  const image = { sha256, path: `${at}.png`, width: 96, height: 96 };
  return { sampleId: sampleIdOf({ imageSha256: sha256, question }), image, question, metadata: {} };
}

/** What the simulation costs without a runner: the same requests, on a server and a clock of their own; the best of a few. */
async function cpuOfSimulation(lines: SimulatedServer["sampled"], { slots }: Shape): Promise<number> {
  const REPETITIONS = 5;
  let least = Number.POSITIVE_INFINITY;
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    const clock = eventClock();
    const { engine } = simulatedServer({ slots, clock });
    const cpu = process.cpuUsage();
    await clock.run(answered(engine, lines));
    least = Math.min(least, cpuSince(cpu));
  }
  return least;
}

async function answered(engine: SimulatedServer["engine"], lines: SimulatedServer["sampled"]): Promise<void> {
  let left = lines.length;
  for await (const { outcome } of engine.run(lines, new AbortController().signal)) if (outcome === "completed") left--;
  if (left > 0) throw new Error(`${left} simulated requests had no answer`);
}
