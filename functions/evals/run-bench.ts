/** The benchmarks that a run can measure itself with: those that need no judge, and find their truth beside the sample. */
import type { AmberWords } from "../../shared/evaluation/amber/objects.ts";
import { AmberRunWords, amberOfRun } from "../../shared/evaluation/amber/run-bench.ts";
import type { Bench } from "../../shared/evaluation/bench.ts";
import { objectHalbenchOfRun } from "../../shared/evaluation/object-halbench/run-bench.ts";
import { benchWordsKey } from "../../shared/keys.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { RunBenchName } from "../../shared/schemas/config.ts";
import { scenesBench } from "../embedded/world/bench.ts";
import { readJson } from "../workers/files.ts";
import { EXTRACTION, nounsOf } from "./amber/nouns.ts";
import { winkTagger } from "./object-halbench/wink.ts";

type BenchOfRun = { runId: string; blobs: Pick<BlobStore, "read"> };

let objectHalbench: Bench | undefined;

/** @param run whose benchmark it is: some benches keep words of their own with it */
export async function runBench(name: RunBenchName, { runId, blobs }: BenchOfRun): Promise<Bench> {
  if (name === "scenes") return scenesBench;
  if (name === "amber") return amberOfRun(await amberWordsOf(runId, blobs));
  objectHalbench ??= objectHalbenchOfRun(winkTagger()); // the tagger's model takes a second to read
  return objectHalbench;
}

/** AMBER's words as the run keeps them. */
export async function amberWordsOf(runId: string, blobs: BenchOfRun["blobs"]): Promise<AmberWords> {
  const words = await readJson(blobs, benchWordsKey(runId), AmberRunWords);
  if (words === undefined) throw new Error(`run ${runId} is measured by AMBER, and its words are not kept with it`);
  return { association: words.association, safe: new Set(words.safe), nouns: nounsOf, extraction: EXTRACTION };
}
