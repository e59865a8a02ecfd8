import { popeEvaluation } from "../../shared/evaluation/pope/pope.ts";
import type { BenchEntry, BenchOptions, OpenedBench } from "./bench.ts";
import { loadPope, loadPopeAnswers } from "./pope/load.ts";
import { EvaluationError } from "./problems.ts";

export const popeEntry: BenchEntry = {
  name: "pope",
  summary: "is this object there? yes or no, by probabilities or words; --items names a question file",
  open: openPope,
};

async function openPope({ data }: BenchOptions): Promise<OpenedBench> {
  if (data === undefined) {
    throw new EvaluationError(
      "POPE's questions are not part of this program",
      'fetch them with "rlaifv eval fetch pope", or give --items output/coco/coco_pope_random.json of github.com/AoiDragon/POPE',
    );
  }
  const items = await loadPope(data);
  const settings = { setting: items[0]?.setting ?? "none" };
  return { bench: popeEvaluation, items, settings, notes: [], readAnswers: (path) => loadPopeAnswers(path, items) };
}
