/** The job of a call as it is kept in the bucket: what to run, and where. */
import { z } from "zod";
import { BatchJob, GpuTrainJob } from "../../../shared/schemas/gpu.ts";
import { GpuKind } from "../../../shared/schemas/gpu-kind.ts";

const Place = z.strictObject({
  gpu: GpuKind,
  gpus: z.int(),
  maxContainers: z.int(),
  timeoutSeconds: z.int(),
  /** Null: whichever version is deployed. */
  version: z.int().nullable(),
});

export const JobFile = z.strictObject({ job: z.discriminatedUnion("kind", [BatchJob, GpuTrainJob]), place: Place });
export type JobFile = z.infer<typeof JobFile>;
