/** `rlaifv pairs` on RLAIF-V's own intermediate files. */
import { Worker } from "node:worker_threads";
import type { PairsSummary } from "./make-pairs.ts";
import { type RlaifvPairsInput, RlaifvPairsOptions } from "./options.ts";

export type { PairsSummary };

/** V8 lets short-lived objects fill 100 MB before it cleans up; here that is a third of all memory (measured 2026-11). */
const YOUNG_MEGABYTES = 16;

/**
 * Makes the pairs in a thread of its own, so that the caller stays responsive. Bad options and unusable files are exceptions
 * that say what to do; single bad records are in the summary. Nothing is left under `out` unless it is whole.
 */
export async function pairsFromFiles(input: RlaifvPairsInput): Promise<PairsSummary> {
  const worker = new Worker(new URL("./pairs-worker.ts", import.meta.url), {
    workerData: RlaifvPairsOptions.parse(input),
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
  });
  return await new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`the pairs thread ended early with code ${code}`)));
  });
}
