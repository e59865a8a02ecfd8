/** What work on GPUs needs beside the other workers' needs; one machine has none of it. */
import { CONTAINER_PRICE, GPU_PRICES, MICROS_PER_USD } from "../../../shared/budget/prices.ts";
import type { CallStore, GpuCalls, GpuPlace } from "../../../shared/ports/calls.ts";
import { GpuConfig, type ModelRef, type TrainConfig } from "../../../shared/schemas/config.ts";
import type { WorkerDeps } from "../deps.ts";

/** Whose model, on what. `undefined`: it answers or trains where the worker runs. */
export type Placement = {
  ofModel: (model: ModelRef) => GpuConfig | undefined;
  ofTraining: (train: TrainConfig) => GpuConfig | undefined;
};

/** How long nothing need be heard before somebody looks, milliseconds. */
export type Patience = {
  /** A call that was reserved and not spawned: whoever was to spawn it is dead. */
  spawnMs: number;
  /** A call that has told its end: whoever was to act on it is dead. */
  collectMs: number;
  /** A call that runs and does not report. */
  reportMs: number;
};

export type GpuDeps = {
  calls: CallStore;
  provider: GpuCalls;
  placement: Placement;
  patience: Patience;
  /** Where GPU functions report. */
  callbackUrl: string;
  /** Begins `collect` for a call, apart from this work. */
  collect: (call: string) => Promise<void>;
};

export type WorkerDepsOnGpu = WorkerDeps & { gpu: GpuDeps };

/** Longest silence of a GPU function, seconds. Our choice: a container that was lost is noticed within minutes. */
export const HEARTBEAT_SECONDS = 60;

export const PATIENCE: Patience = {
  spawnMs: 120_000, // our choice: above the longest retries of one spawn
  collectMs: 120_000, // our choice: an asynchronous call of a Lambda begins within seconds
  reportMs: 5 * HEARTBEAT_SECONDS * 1000, // our choice: five heartbeats lost
};

/** Training by default: a card each for the eight of RLAIF-V's scripts, for as long as Modal lets a call run. */
const TRAIN_GPU = GpuConfig.parse({ kind: "H100", count: 8, maxContainers: 1, timeoutSeconds: 86_400 });

export const MODAL_PLACEMENT: Placement = {
  ofModel: ({ engine, gpu }) => (engine === "modal" ? (gpu ?? GpuConfig.parse({})) : undefined),
  ofTraining: ({ trainer, gpu }) => (trainer === "modal" ? (gpu ?? TRAIN_GPU) : undefined),
};

export function placeOf(
  { kind, count, maxContainers, timeoutSeconds }: GpuConfig,
  version: number | undefined,
): GpuPlace {
  return { gpu: kind, gpus: count, maxContainers, timeoutSeconds, version };
}

/** Millionths of a USD that a container costs each second. */
export function microsPerSecond({ kind, count }: Pick<GpuConfig, "kind" | "count">): number {
  return (count * GPU_PRICES[kind] + CONTAINER_PRICE) * MICROS_PER_USD;
}
