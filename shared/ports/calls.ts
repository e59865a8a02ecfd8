import type { CallRow } from "../schemas/calls.ts";
import type { BatchJob, GpuTrainJob } from "../schemas/gpu.ts";
import type { GpuKind } from "../schemas/gpu-kind.ts";
import type { Page } from "./state-store.ts";

/** The rows of GPU calls. */
export interface CallStore {
  /** Writes once; a second call under the same name changes nothing. */
  create(row: CallRow): Promise<{ outcome: "written" | "already_there" }>;
  get(call: string): Promise<CallRow | undefined>;
  /** Replaces the row when the stored version is `row.version`; stores `version + 1`. */
  update(row: CallRow): Promise<{ outcome: "written"; row: CallRow } | { outcome: "conflict" }>;
  /** Calls of one run that are not at their end, or of all runs; ordered by name. */
  open(filter: { runId?: string; limit: number; cursor?: string }): Promise<Page<CallRow>>;
}

/** On what a call runs. `version`: of the deployed app, so that a deployment in the middle of a run changes nothing. */
export type GpuPlace = {
  gpu: GpuKind;
  gpus: number;
  /** Most containers at once. */
  maxContainers: number;
  /** Longest one attempt may take, seconds. */
  timeoutSeconds: number;
  version: number | undefined;
};

export type GpuCallState =
  | { outcome: "running" }
  | { outcome: "finished" }
  | { outcome: "failed"; message: string; retryable: boolean }
  /** Never heard of, or forgotten: Modal keeps results for seven days. */
  | { outcome: "unknown" };

/** GPU functions as the workers see them: begun by id, looked at, stopped. What they make lies in the BlobStore. */
export interface GpuCalls {
  /** Begins the job and does not wait for it. `busy`: the provider takes no more just now. Refusals that no repetition mends are exceptions. */
  spawn(
    job: BatchJob | GpuTrainJob,
    place: GpuPlace,
  ): Promise<{ outcome: "spawned"; providerId: string } | { outcome: "busy"; message: string }>;
  poll(providerId: string): Promise<GpuCallState>;
  /** Ends the call and its container; nothing happens to one that has ended or is unknown. */
  cancel(providerId: string): Promise<void>;
  /** The number of the version that is deployed now, and the contract it speaks. */
  deployed(): Promise<{ version: number | undefined; contract: number }>;
}
