/** A world whose models answer on GPUs that a test commands: calls begin when it says so, and report as real ones do. */
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { memoryCalls } from "../../functions/adapters/memory/calls.ts";
import { memoryStateStore } from "../../functions/adapters/memory/state-store.ts";
import { writeJson } from "../../functions/workers/files.ts";
import { collect } from "../../functions/workers/gpu/collect.ts";
import { MODAL_PLACEMENT, type WorkerDepsOnGpu } from "../../functions/workers/gpu/deps.ts";
import { heed } from "../../functions/workers/gpu/heed.ts";
import { plan } from "../../functions/workers/plan.ts";
import { runAccount } from "../../shared/budget/accounts.ts";
import { configKey, samplesKey } from "../../shared/keys.ts";
import type { GpuCallState, GpuPlace } from "../../shared/ports/calls.ts";
import type { Engine } from "../../shared/ports/engine.ts";
import type { TaskReport } from "../../shared/ports/orchestrator.ts";
import { BatchLine } from "../../shared/schemas/chat.ts";
import { RunConfig, type RunConfigInput } from "../../shared/schemas/config.ts";
import type { RunEvent } from "../../shared/schemas/events.ts";
import type { BatchJob, GpuReport, GpuTrainJob, GpuVerdict } from "../../shared/schemas/gpu.ts";
import type { Submitted } from "../../shared/schemas/sample.ts";
import { fakeEngine } from "./fake-engine.ts";
import { virtualClock } from "./virtual-clock.ts";

export const RUN = "run-a";
const MODEL = {
  engine: "modal" as const,
  model: "org/vlm",
  revision: "abc",
  gpu: { kind: "L4" as const, timeoutSeconds: 600 },
};

export type Spawned = {
  providerId: string;
  job: BatchJob | GpuTrainJob;
  place: GpuPlace;
  state: GpuCallState;
  cancelled: boolean;
};

const sample = (at: number): Submitted => ({
  sampleId: `smp_${at}`,
  image: { sha256: `${at}`.padStart(64, "0"), path: `${at}.png`, width: 8, height: 8 },
  question: `What is in picture ${at}?`,
  metadata: {},
});

/** A run of `samples` samples in shards of `shardSamples`, planned for its first stage. */
export async function scriptedGpu(
  options: { budgetMicros?: number; samples?: number; config?: Partial<RunConfigInput> } = {},
) {
  const { budgetMicros = 10_000_000, samples = 3 } = options;
  const store = memoryStateStore();
  const blobs = memoryBlobStore();
  const clock = virtualClock(1_000_000);
  const calls = memoryCalls();
  const spawned: Spawned[] = [];
  const told: { token: string; report: TaskReport }[] = [];
  const events: RunEvent[] = [];
  const toCollect: string[] = [];
  const faults = { spawn: undefined as "busy" | "throws" | undefined };
  const engine = fakeEngine();
  const config = RunConfig.parse({
    data: { path: "x" },
    policy: MODEL,
    divider: MODEL,
    questioner: MODEL,
    labelers: [MODEL],
    shardSamples: samples,
    ...options.config,
  });
  const deps: WorkerDepsOnGpu = {
    store,
    blobs,
    clock,
    bind: async (ref, checkpoint) => ({
      engine: unused,
      model: checkpoint?.key ?? ref.model,
      revision: ref.revision ?? "",
      info: { name: "modal", revision: "abc", logprobs: true, structuredOutput: true, warnings: [] },
    }),
    trainer: undefined,
    bench: () => {
      throw new Error("nothing is measured here");
    },
    complete: async (token, report) => told.push({ token, report }),
    emit: (event) => events.push(event),
    signal: new AbortController().signal,
    gpu: {
      calls,
      placement: MODAL_PLACEMENT,
      patience: { spawnMs: 1000, collectMs: 1000, reportMs: 5000 },
      callbackUrl: "https://callback.invalid/",
      collect: async (call) => void toCollect.push(call),
      provider: {
        async spawn(job, place) {
          if (faults.spawn === "throws") throw new Error("the machine died");
          if (faults.spawn === "busy") return { outcome: "busy", message: "too many" };
          const providerId = `fc-${spawned.length}`;
          spawned.push({ providerId, job, place, state: { outcome: "running" }, cancelled: false });
          return { outcome: "spawned", providerId };
        },
        poll: async (id) => spawned.find(({ providerId }) => providerId === id)?.state ?? { outcome: "unknown" },
        async cancel(id) {
          const call = spawned.find(({ providerId }) => providerId === id);
          if (call !== undefined) call.cancelled = true;
        },
        deployed: async () => ({ version: 7, contract: 1 }),
      },
    },
  };
  await store.ledger.open(runAccount(RUN), budgetMicros);
  await store.runs.create({
    ...{ runId: RUN, name: "a", state: "running", version: 0, createdAt: 0, updatedAt: 0, workedMs: 0 },
    ...{ configKey: configKey(RUN), round: 0, rounds: 1 },
  });
  await writeJson(blobs, configKey(RUN), config);
  const rows = Array.from({ length: samples }, (_, at) => sample(at));
  await blobs.write(samplesKey(RUN, "data"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  await plan({ runId: RUN, round: 1, passId: "1.train", stage: "generate" }, deps);
  const [shard] = await store.shards.list({ runId: RUN, stage: "generate" });

  const report = (one: GpuReport): Promise<GpuVerdict> => heed(one, deps);
  const of = ({ job, providerId }: Spawned) => ({ call: job.call, providerId });

  /** Answers a batch as the engine would and writes its file; `spoil` changes the file's lines. */
  async function compute({ job }: Spawned, spoil = (line: object, _at: number): object => line): Promise<void> {
    if (job.kind !== "batch") throw new Error("a batch, please");
    const text = new TextDecoder().decode((await blobs.read(job.inputKey))!);
    const lines = text
      .trim()
      .split("\n")
      .map((line) => BatchLine.parse(JSON.parse(line)));
    const out: object[] = [];
    for await (const reply of engine.run(lines, deps.signal)) {
      if (reply.outcome !== "completed") throw new Error("the scripted engine answers everything");
      const response = { status_code: 200, request_id: "r", body: reply.completion };
      out.push({ id: reply.custom_id, custom_id: reply.custom_id, response, error: null });
    }
    await blobs.write(job.outputKey, out.map((line, at) => `${JSON.stringify(spoil(line, at))}\n`).join(""));
  }

  return {
    ...{ deps, store, blobs, clock, calls, spawned, told, events, toCollect, faults, engine, config, report, compute },
    task: (attempt = 0, token = "token-0") => ({
      ...{ runId: RUN, round: 1, passId: "1.train", stage: "generate" as const, shardId: shard!.shardId },
      ...{ attempt, token },
    }),
    shard: async () => (await store.shards.list({ runId: RUN, stage: "generate" }))[0]!,
    money: async () => {
      const { reserved, settled } = (await store.ledger.read(runAccount(RUN)))!;
      return { reserved, settled };
    },
    begin: (one: Spawned) => report({ type: "started", ...of(one), container: "c" }),
    beat: (one: Spawned, gpuSeconds: number) =>
      report({ type: "heartbeat", ...of(one), gpuSeconds, progress: { done: 0, total: 3 } }),
    async succeed(one: Spawned, gpuSeconds: number) {
      const resultKey = one.job.kind === "batch" ? one.job.outputKey : one.job.resultKey;
      return report({ type: "success", ...of(one), gpuSeconds, resultKey, usage: null });
    },
    fail: (one: Spawned, gpuSeconds: number, retryable: boolean) =>
      report({ type: "failure", ...of(one), gpuSeconds, code: "out_of_memory", message: "no room", retryable }),
    /** Runs the collections that were asked for. */
    async collectAll() {
      for (const call of toCollect.splice(0)) await collect({ call }, deps);
    },
  };
}

const unused: Engine = {
  describe: () => Promise.reject(new Error("not asked")),
  // biome-ignore lint/correctness/useYield: it answers nothing
  async *run() {
    throw new Error("this model answers on a GPU");
  },
  // biome-ignore lint/correctness/useYield: it answers nothing
  async *stream() {
    throw new Error("this model answers on a GPU");
  },
};
