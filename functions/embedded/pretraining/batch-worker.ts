import { parentPort } from "node:worker_threads";
import { loadArt } from "../world/art.ts";
import { drawBatch, type Mix } from "./batches.ts";

/** Draws batches beside the training graph: each message asks for one, each answer is that batch. */
export type BatchRequest = { seed: number; step: number; mix: Mix };

const port = parentPort!;
const art = await loadArt();
port.on("message", ({ seed, step, mix }: BatchRequest) => {
  const batch = drawBatch(art, seed, step, mix);
  port.postMessage(batch, [batch.patches.buffer as ArrayBuffer]);
});
