import { parentPort, workerData } from "node:worker_threads";
import type { Weights } from "../autodiff/weights.ts";
import type { Prefix } from "../model/prefix-graph.ts";
import { stepGraph } from "../model/step-graph.ts";

/** What the thread is told: put a picture into a slot, or take one step in all of them. */
export type StepMessage =
  | { kind: "start"; slot: number; prefix: Prefix }
  | { kind: "step"; tokens: Int32Array; positions: Int32Array };

/** Logits of a step, or what went wrong. */
export type StepReply = { logits: Float32Array } | { error: string };

const port = parentPort!;
const { weights, slots } = workerData as { weights: Weights; slots: number };
const graph = await stepGraph(weights, slots);

port.on("message", async (message: StepMessage) => {
  if (message.kind === "start") return graph.start(message.slot, message.prefix);
  try {
    port.postMessage({ logits: await graph.step(message.tokens, message.positions) } satisfies StepReply);
  } catch (error) {
    port.postMessage({ error: error instanceof Error ? error.message : String(error) } satisfies StepReply);
  }
});
port.postMessage("ready");
