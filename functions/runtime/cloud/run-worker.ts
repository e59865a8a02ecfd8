/** One invocation of a worker: its dependencies, its time, what it tells, and how its failures are named. */
import { z } from "zod";
import { DRAIN_MS, Drain } from "../../../shared/drain.ts";
import { WORKER_RETRYABLE } from "../../../shared/schemas/loop.ts";
import { WorkerError } from "../../workers/deps.ts";
import type { WorkerDepsOnGpu } from "../../workers/gpu/deps.ts";
import type { Cloud } from "./cloud.ts";
import { type Facts, measuresOf } from "./telemetry.ts";

export type Worker = (event: unknown, deps: WorkerDepsOnGpu) => Promise<unknown>;

/** `bench`: only for workers that measure. Benchmarks bring a megabyte of language model, and a cold start reads all of it. */
export type NamedWorker = { name: string; work: Worker; bench?: WorkerDepsOnGpu["bench"] };

/** What an invocation needs after its last request was drained: writing results and moving rows. Our choice. */
const CLOSING_MS = 20_000;

/** What can be told of an event in every line. */
const Named = z.object({
  runId: z.string().optional(),
  passId: z.string().optional(),
  stage: z.string().optional(),
  shardId: z.string().optional(),
  attempt: z.int().optional(),
  call: z.string().optional(),
});

/** @param remainingMs until the platform ends the invocation */
export async function runWorker(
  { name, work, bench }: NamedWorker,
  event: unknown,
  { cloud, remainingMs }: { cloud: Cloud; remainingMs: number },
): Promise<unknown> {
  const facts: Facts = { worker: name, ...(Named.safeParse(event).data ?? {}) };
  const runId = runIdOf(facts);
  const time = timeOf(remainingMs);
  const started = cloud.clock.now();
  cloud.telemetry.info("began", facts);
  try {
    const result = await work(event, workerDeps(cloud, { runId, signal: time.signal, bench }));
    cloud.telemetry.info("ended", { ...facts, ms: cloud.clock.now() - started });
    return result;
  } catch (error) {
    const told = time.signal.aborted ? outOfTime(remainingMs) : error;
    cloud.telemetry.error("failed", told, { ...facts, ms: cloud.clock.now() - started });
    throw told;
  } finally {
    time.end();
    if (runId !== undefined) await cloud.sinks.of(runId).flush();
    cloud.telemetry.flush();
  }
}

/** Calls are named `<runId>/…`. */
function runIdOf({ runId, call }: Facts): string | undefined {
  if (typeof runId === "string") return runId;
  return typeof call === "string" ? call.split("/")[0] : undefined;
}

/** What is not finished in time is told, so that what was begun can be kept; the same work again goes on from it. */
function timeOf(remainingMs: number): { signal: AbortSignal; end: () => void } {
  const stop = new AbortController();
  const ms = Math.max(0, remainingMs - DRAIN_MS - CLOSING_MS);
  const timer = setTimeout(() => stop.abort(new Drain("the invocation is out of time")), ms);
  return { signal: stop.signal, end: () => clearTimeout(timer) };
}

const outOfTime = (ms: number): WorkerError =>
  new WorkerError(
    WORKER_RETRYABLE,
    `not done within ${Math.round(ms / 1000)} s: what was answered is kept, and the next try goes on from it`,
  );

/** The workers' dependencies for one run; `runId` undefined: whatever is emitted is not kept. */
export function workerDeps(
  cloud: Cloud,
  { runId, signal, bench = noBench }: { runId: string | undefined; signal: AbortSignal } & Bench,
): WorkerDepsOnGpu {
  const { store, blobs, clock, models, gpu, telemetry } = cloud;
  return {
    store,
    blobs,
    clock,
    bind: (model, checkpoint) => models.bind(model, checkpoint),
    trainer: undefined, // GPU functions train
    bench,
    gpu,
    complete: (token, report) => cloud.orchestrator.complete(token, report),
    emit(event) {
      if (runId !== undefined) cloud.sinks.of(runId).emit(event);
      for (const measure of measuresOf(event)) telemetry.measure(measure);
    },
    signal,
  };
}

type Bench = { bench?: WorkerDepsOnGpu["bench"] | undefined };

function noBench(): never {
  throw new Error("this worker measures nothing: it was given no benchmarks");
}
