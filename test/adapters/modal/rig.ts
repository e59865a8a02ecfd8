/** The adapter over the fake, and jobs to send. */
import { openModalClient } from "../../../functions/adapters/modal/client.ts";
import { modalGpuCalls } from "../../../functions/adapters/modal/gpu-calls.ts";
import type { GpuPlace } from "../../../shared/ports/calls.ts";
import { BatchJob, GPU_CONTRACT, GpuTrainJob } from "../../../shared/schemas/gpu.ts";
import type { FakeBody } from "../../support/modal/apps.ts";
import { type FakeModal, type FakeModalOptions, startFakeModal } from "../../support/modal/fake-modal.ts";

export const APP = "rlaifv";
export const BATCH_PARAMETERS = { model: "string", revision: "string", checkpoint: "string" } as const;

/** The app as functions/gpu/app.py deploys it; `run` does a batch, `train` a training. */
export function gpuApp({ run = done, train = done }: { run?: FakeBody; train?: FakeBody } = {}) {
  return {
    Batch: { parameters: BATCH_PARAMETERS, methods: { run } },
    train_dpo: train,
    contract: () => ({ contract: GPU_CONTRACT, versions: { vllm: "0.11.2" } }),
  };
}
const done: FakeBody = () => ({ ok: true });

export async function rig(bodies: Parameters<typeof gpuApp>[0] = {}, options: Partial<FakeModalOptions> = {}) {
  const modal = await startFakeModal({ apps: { [APP]: gpuApp(bodies) }, ...options });
  return { modal, gpu: gpuOn(modal), [Symbol.asyncDispose]: modal.stop };
}

/** As another process would see it: a client of its own. */
export function gpuOn(modal: FakeModal, { maxThrottleWaitSeconds = 1 } = {}) {
  const client = openModalClient({ ...modal.credentials, serverUrl: modal.url, maxThrottleWaitSeconds });
  return modalGpuCalls({ client, app: APP });
}

export const PLACE: GpuPlace = { gpu: "H100", gpus: 2, maxContainers: 4, timeoutSeconds: 3_600, version: 1 };

const common = {
  contract: GPU_CONTRACT,
  call: "run-a/1.train/generate/s0#0",
  weights: {
    model: "openbmb/MiniCPM-V-2",
    revision: "1c3e0d0",
    checkpoint: { key: "checkpoints/run-a-s28.json", sha256: "ab" },
  },
  callbackUrl: "https://callback.example/",
  heartbeatSeconds: 60,
  deadlineSeconds: 3_000,
};

export function batchJob(change: Partial<BatchJob> = {}): BatchJob {
  return BatchJob.parse({
    ...{ kind: "batch", ...common, lines: 8, canary: true },
    ...{ inputKey: "batches/00/input.jsonl", outputKey: "batches/00/output.jsonl", ...change },
  });
}

export function trainJob(change: Partial<GpuTrainJob> = {}): GpuTrainJob {
  return GpuTrainJob.parse({
    ...{ kind: "train", ...common, name: "run-a-r1", pairsKey: "pairs.parquet", pairs: 100, seed: 7 },
    ...{ outputPrefix: "train/r1/", resultKey: "train/r1/result.json" },
    settings: {
      ...{ method: "lora", beta: 0.1, learningRate: 5e-7, epochs: 1, batchPairs: 8, dpoWeight: 1, sftWeight: 0.1 },
      ...{ warmupShare: 0.05, checkpointsPerEpoch: 4 },
    },
    ...change,
  });
}
