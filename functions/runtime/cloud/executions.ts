/** Which execution of the loop does a run's work: one at a time, numbered from 1. */
import { z } from "zod";
import { runPrefix } from "../../../shared/keys.ts";
import type { BlobStore } from "../../../shared/ports/blob-store.ts";
import type { Execution, Orchestrator } from "../../../shared/ports/orchestrator.ts";
import { readJson, writeJson } from "../../workers/files.ts";

const Kept = z.strictObject({ number: z.int().min(1), executionId: z.string() });
type Kept = z.infer<typeof Kept>;

type Deps = { blobs: Pick<BlobStore, "read" | "write">; orchestrator: Orchestrator };

const executionKey = (runId: string): string => `${runPrefix(runId)}/execution.json`;

/** The newest execution of a run; `undefined` before the first. */
export async function newestExecution(runId: string, { blobs, orchestrator }: Deps): Promise<Execution | undefined> {
  const kept = await readJson(blobs, executionKey(runId), Kept);
  return kept && orchestrator.describe(kept.executionId);
}

/**
 * Starts the loop, unless it runs: an execution that has ended is followed by the next number. Killed before it is kept,
 * the same start again finds it by its name.
 */
export async function startExecution(runId: string, { blobs, orchestrator }: Deps): Promise<string> {
  const kept = await readJson(blobs, executionKey(runId), Kept);
  for (let number = kept?.number ?? 1; ; number++) {
    const { outcome, executionId } = await orchestrator.start({ name: `${runId}.${number}`, input: { runId } });
    if (outcome === "name_taken") continue;
    await keep(runId, { number, executionId }, blobs);
    return executionId;
  }
}

async function keep(runId: string, kept: Kept, blobs: Pick<BlobStore, "write">): Promise<void> {
  await writeJson(blobs, executionKey(runId), kept);
}
