/** MMHal-Bench as `rlaifv eval` opens it. */
import { type MmhalItem, mmhal } from "../../../shared/evaluation/mmhal/mmhal.ts";
import type { BenchEntry, OpenedBench } from "../bench.ts";
import { EvaluationError } from "../problems.ts";
import { loadMmhal, loadMmhalAnswers, loadMmhalReplies } from "./load.ts";

export const mmhalEntry: BenchEntry = {
  name: "mmhal",
  summary: "MMHal-Bench, 96 questions rated 0..6 by a judge (--items: mmhal-bench_answer_template.json)",
  async open({ data }): Promise<OpenedBench> {
    if (data === undefined) {
      throw new EvaluationError(
        "mmhal needs its items",
        'fetch them with "rlaifv eval fetch mmhal", or give mmhal-bench_answer_template.json with --items FILE',
      );
    }
    const items: MmhalItem[] = await loadMmhal(data);
    return {
      bench: mmhal() as OpenedBench["bench"],
      items,
      settings: {},
      notes: [],
      readAnswers: (path) => loadMmhalAnswers(path, items),
      readReplies: (path, answers) => loadMmhalReplies(path, items, answers),
    };
  },
};
