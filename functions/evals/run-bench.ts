/** The benchmarks that a run can measure itself with: those that need no judge, and find their truth beside the sample. */
import type { Bench } from "../../shared/evaluation/bench.ts";
import { objectHalbenchOfRun } from "../../shared/evaluation/object-halbench/run-bench.ts";
import type { RunBenchName } from "../../shared/schemas/config.ts";
import { scenesBench } from "../embedded/world/bench.ts";
import { winkTagger } from "./object-halbench/wink.ts";

let objectHalbench: Bench | undefined;

export function runBench(name: RunBenchName): Bench {
  if (name === "scenes") return scenesBench;
  objectHalbench ??= objectHalbenchOfRun(winkTagger()); // the tagger's model takes a second to read
  return objectHalbench;
}
