import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Weights } from "../autodiff/weights.ts";
import type { Prefix } from "../model/prefix-graph.ts";
import type { stepGraph } from "../model/step-graph.ts";
import type { StepMessage, StepReply } from "./step-worker.ts";

/** What writes one token in each of its slots, here or in a thread of its own. */
export type Stepper = Pick<Awaited<ReturnType<typeof stepGraph>>, "start" | "step" | "release">;

/**
 * A step graph in a thread of its own: `onnxruntime-node` computes on the thread that asks, so two batches go on at the
 * same time only from two threads. Same numbers as a graph here, bit by bit.
 */
export async function stepThread(weights: Weights, slots: number): Promise<Stepper> {
  const worker = new Worker(new URL("./step-worker.ts", import.meta.url), { workerData: { weights, slots } });
  await once(worker, "message");
  let waiting: { resolve: (logits: Float32Array) => void; reject: (error: Error) => void } | undefined;
  worker.on("message", (reply: StepReply) => {
    if ("error" in reply) waiting?.reject(new Error(reply.error));
    else waiting?.resolve(reply.logits);
  });
  worker.on("error", (error: Error) => waiting?.reject(error));
  worker.unref(); // an idle thread must not keep a command alive
  const tell = (message: StepMessage) => worker.postMessage(message);
  return {
    start: (slot: number, prefix: Prefix) => tell({ kind: "start", slot, prefix }),
    step(tokens, positions) {
      worker.ref();
      return new Promise<Float32Array>((resolve, reject) => {
        waiting = { resolve, reject };
        tell({ kind: "step", tokens, positions });
      }).finally(() => worker.unref());
    },
    release: async () => void (await worker.terminate()),
  };
}
