/** AMBER in its official layout: `data/query/query_*.json` with the other files beside the folder `query`. */
import { dirname, join } from "node:path";
import { amberEvaluation } from "../../shared/evaluation/amber/amber.ts";
import { loadAmber, loadAmberAnswers } from "./amber/load.ts";
import type { BenchEntry, BenchOptions, OpenedBench } from "./bench.ts";
import { EvaluationError } from "./problems.ts";

export const amberEntry: BenchEntry = {
  name: "amber",
  summary: "objects, attributes and relations without a judge; --items names a query file of AMBER's data folder",
  open: openAmber,
};

async function openAmber({ data }: BenchOptions): Promise<OpenedBench> {
  if (data === undefined) {
    throw new EvaluationError(
      "AMBER's files are not part of this program",
      'fetch them with "rlaifv eval fetch amber", or give --items data/query/query_all.json of github.com/junyangwang0410/AMBER',
    );
  }
  const folder = dirname(dirname(data));
  const { items, words, settings } = await loadAmber({
    annotations: join(folder, "annotations.json"),
    queries: data,
    relation: join(folder, "relation.json"),
    safeWords: join(folder, "safe_words.txt"),
  });
  return { bench: amberEvaluation(words), items, settings, notes: [], readAnswers: loadAmberAnswers };
}
