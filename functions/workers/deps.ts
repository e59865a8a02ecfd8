/** What the workers of the loop need from the world, in one object; each worker names the part it uses. */

import type { BoundModel } from "../../shared/answer.ts";
import type { Bench } from "../../shared/evaluation/bench.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { EngineInfo } from "../../shared/ports/engine.ts";
import type { Json, TaskReport } from "../../shared/ports/orchestrator.ts";
import type { StateStore } from "../../shared/ports/state-store.ts";
import type { Trainer } from "../../shared/ports/trainer.ts";
import type { ModelRef, RunBenchName } from "../../shared/schemas/config.ts";
import type { EventSink } from "../../shared/schemas/events.ts";
import type { Checkpoint } from "../../shared/schemas/rows.ts";
import type { GpuDeps } from "./gpu/deps.ts";

export type WorkerDeps = {
  store: StateStore;
  blobs: BlobStore;
  clock: Clock;
  /** The engine of a model; a policy's checkpoint replaces the model's own weights. */
  bind: (model: ModelRef, checkpoint: Checkpoint | undefined) => Promise<BoundModel & { info: EngineInfo }>;
  trainer: Trainer | undefined;
  /** Left out: everything is computed where the workers run. */
  gpu?: GpuDeps;
  /** A run's benchmark, with what the run keeps for it. */
  bench: (name: RunBenchName, run: { runId: string; blobs: BlobStore }) => Promise<Bench>;
  /** Reports on the task that holds a token. */
  complete: (token: string, report: TaskReport) => Promise<unknown>;
  emit: EventSink;
  /** Aborted when the run is stopped. */
  signal: AbortSignal;
  /** Told of work that outlives the call that began it; whoever closes the loop waits for it. Never rejects. */
  track?: (work: Promise<unknown>) => void;
};

/** A failure the loop knows by name (`RUN_PAUSED`, `WORKER_RETRYABLE`). */
export class WorkerError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/** `waiting`: a GPU function works on it, and `collect` goes on with it. */
export type Progress = { outcome: "waiting" } | { outcome: "done"; output: Json };

/**
 * Runs work beyond the call that started it, and tells its end with the token. Work that was stopped tells nothing: whoever
 * goes on with the run starts it again.
 */
export function reportWhenDone(
  token: string,
  work: Promise<Progress>,
  { complete, signal, track }: Pick<WorkerDeps, "complete" | "signal" | "track">,
): void {
  const told = work.then(
    (progress) =>
      progress.outcome === "done" ? complete(token, { kind: "success", output: progress.output }) : undefined,
    (error: unknown) => (signal.aborted ? undefined : complete(token, { kind: "failure", ...failureOf(error) })),
  );
  track?.(told);
}

export function failureOf(error: unknown): { error: string; cause: string } {
  const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
  return { error: name, cause: message };
}
