import type { Context } from "aws-lambda";
import { type NamedWorker, runWorker, type Worker } from "../cloud/run-worker.ts";
import { start } from "./start.ts";

/** A worker as a Lambda function. Its event is the loop's payload, its exception the loop's error. */
export function workerHandler(name: string, work: Worker, options: Pick<NamedWorker, "bench"> = {}) {
  return (event: unknown, context: Context): Promise<unknown> =>
    runWorker({ name, work, ...options }, event, {
      cloud: start(name).cloud,
      remainingMs: context.getRemainingTimeInMillis(),
    });
}
