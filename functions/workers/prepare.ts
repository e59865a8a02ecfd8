/** Says what the loop has to do: from which round on, and which parts the run has. */
import { metricsKey, pairingKey, selectionKey, sftControlKey } from "../../shared/keys.ts";
import { selectPassId } from "../../shared/passes.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import { LoopInput, type PrepareResult } from "../../shared/schemas/loop.ts";
import type { PassId } from "../../shared/schemas/rows.ts";
import type { WorkerDeps } from "./deps.ts";
import { readConfig } from "./files.ts";

export async function prepare(event: unknown, { blobs }: Pick<WorkerDeps, "blobs">): Promise<PrepareResult> {
  const { runId } = LoopInput.parse(event);
  const config = await readConfig(blobs, runId);
  const hasTrainer = config.train !== undefined;
  const hasEvaluation = config.evaluate !== undefined;
  return {
    firstRound: await firstUnfinishedRound(runId, config, blobs),
    rounds: config.rounds,
    basePasses: await openBasePasses(runId, config, blobs),
    hasTrainer,
    hasEvaluation,
    hasControl: hasTrainer && config.evaluate?.sftControl === true && !(await isThere(sftControlKey(runId), blobs)),
    maxConcurrency: config.maxConcurrentShards,
    toleratedFailurePercent: config.toleratedFailurePercent,
  };
}

/** The base on the selection split is the start that round 1's checkpoints are held against. */
async function openBasePasses(runId: string, config: RunConfig, blobs: Pick<BlobStore, "read">): Promise<PassId[]> {
  if (config.evaluate === undefined || (await isThere(metricsKey(runId, "0.evaluate"), blobs))) return [];
  const compares = config.train !== undefined && config.evaluate.selection !== undefined;
  return [...(compares ? [selectPassId(0, 0)] : []), "0.evaluate", "0.greedy"];
}

/** A round is finished when its last file is there. */
async function firstUnfinishedRound(runId: string, config: RunConfig, blobs: Pick<BlobStore, "read">): Promise<number> {
  for (let round = 1; round <= config.rounds; round++) {
    if (!(await isThere(lastFileOf(runId, round, config), blobs))) return round;
  }
  return config.rounds + 1;
}

function lastFileOf(runId: string, round: number, config: RunConfig): string {
  if (config.train === undefined) return pairingKey(runId, round);
  return config.evaluate === undefined ? selectionKey(runId, round) : metricsKey(runId, `${round}.evaluate`);
}

async function isThere(key: string, blobs: Pick<BlobStore, "read">): Promise<boolean> {
  return (await blobs.read(key, { offset: 0, length: 1 })) !== undefined;
}
