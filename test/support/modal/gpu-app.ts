/** The GPU app on the fake under the names of functions/gpu/app.py, with jobs read as the Python side reads them. */
import { BatchJob, GPU_CONTRACT, GpuTrainJob } from "../../../shared/schemas/gpu.ts";
import type { FakeApp, FakeContext } from "./apps.ts";

export type GpuBodies = {
  /** Does a batch; the weights are in `context.parameters` too. What it returns is nobody's: results lie in the bucket. */
  batch?: (job: BatchJob, context: FakeContext) => unknown;
  train?: (job: GpuTrainJob, context: FakeContext) => unknown;
  contract?: () => unknown;
};

export function gpuApp({ batch = done, train = done, contract = current }: GpuBodies = {}): FakeApp {
  return {
    Batch: {
      parameters: { model: "string", revision: "string", checkpoint: "string" },
      methods: { run: ([job], _, context) => batch(BatchJob.parse(job), context) },
    },
    train_dpo: ([job], _, context) => train(GpuTrainJob.parse(job), context),
    contract: () => contract(),
  };
}

const done = () => ({ ok: true });
const current = () => ({ contract: GPU_CONTRACT, versions: {} });
