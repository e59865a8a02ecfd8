import { Worker } from "node:worker_threads";
import type { PretrainingBatch } from "../model/pretraining-graph.ts";
import type { BatchRequest } from "./batch-worker.ts";

type Waiting = { resolve: (batch: PretrainingBatch) => void; reject: (error: Error) => void };

/** Batches from a worker thread, drawn while the graph runs. They come in the order they were asked for. */
export function batchSource() {
  const worker = new Worker(new URL("./batch-worker.ts", import.meta.url));
  const waiting: Waiting[] = [];
  let failure: Error | undefined;
  worker.on("message", (batch: PretrainingBatch) => waiting.shift()?.resolve(batch));
  worker.on("error", (error: Error) => {
    failure = error;
    for (const { reject } of waiting.splice(0)) reject(error);
  });
  const draw = (request: BatchRequest): Promise<PretrainingBatch> =>
    new Promise((resolve, reject) => {
      if (failure) {
        reject(failure);
        return;
      }
      waiting.push({ resolve, reject });
      worker.postMessage(request);
    });
  return { draw, close: () => worker.terminate() };
}
