import { createHash } from "node:crypto";
import type { BlobStore } from "../../../shared/ports/blob-store.ts";
import type { TrainStep } from "../../../shared/ports/trainer.ts";
import type { Checkpoint } from "../../../shared/schemas/rows.ts";
import type { AdamState } from "../autodiff/adam.ts";
import { readSafetensors, writeSafetensors } from "../autodiff/safetensors.ts";
import type { Weights } from "../autodiff/weights.ts";
import { checkWeights } from "../model/architecture.ts";
import type { TrainingState } from "./preference-training.ts";

/** What a training leaves behind so that it can go on: exact state, and what it has told so far. */
export type Saved = { state: TrainingState; checkpoints: Checkpoint[]; steps: TrainStep[] };

const resumeKey = (prefix: string): string => `${prefix}/resume.safetensors`;

const prefixed = (prefix: string, weights: Weights): Weights =>
  Object.fromEntries(Object.entries(weights).map(([name, value]) => [`${prefix}${name}`, value]));

const stripped = (prefix: string, weights: Weights): Weights =>
  Object.fromEntries(
    Object.entries(weights).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
    ),
  );

/** Writes the model under a name of its own; 32-bit numbers, so that serving and training see the same model. */
export async function saveCheckpoint(
  blobs: Pick<BlobStore, "write">,
  weights: Weights,
  at: { prefix: string; name: string; step: number; epoch: number },
): Promise<Checkpoint> {
  const id = `${at.name}-s${at.step}`;
  const key = `${at.prefix}/${id}.safetensors`;
  const file = writeSafetensors(weights, "F32", { id, step: String(at.step) });
  await blobs.write(key, file);
  return { id, key, sha256: createHash("sha256").update(file).digest("hex"), step: at.step, epoch: at.epoch };
}

/** Writes everything the next step depends on; the write is whole or not at all, so a crash leaves the one before. */
export async function saveResume(
  blobs: Pick<BlobStore, "write">,
  prefix: string,
  job: string,
  saved: Saved,
): Promise<void> {
  const { weights, adam } = saved.state;
  const arrays = {
    ...prefixed("weights.", weights),
    ...prefixed("mean.", adam.mean),
    ...prefixed("square.", adam.square),
  };
  const told = JSON.stringify({ checkpoints: saved.checkpoints, steps: saved.steps });
  await blobs.write(resumeKey(prefix), writeSafetensors(arrays, "F32", { job, adamSteps: String(adam.steps), told }));
}

/** The saved state of this very job; that of another job (other pairs, config, seed or base) is left alone. */
export async function loadResume(
  blobs: Pick<BlobStore, "read">,
  prefix: string,
  job: string,
): Promise<Saved | undefined> {
  const file = await blobs.read(resumeKey(prefix));
  if (!file) return undefined;
  const { weights, metadata } = readSafetensors(file);
  if (metadata["job"] !== job) return undefined;
  const adam: AdamState = {
    steps: Number(metadata["adamSteps"]),
    mean: stripped("mean.", weights),
    square: stripped("square.", weights),
  };
  const told = JSON.parse(metadata["told"]!) as { checkpoints: Checkpoint[]; steps: TrainStep[] };
  return { state: { weights: checkWeights(stripped("weights.", weights), resumeKey(prefix)), adam }, ...told };
}
