/** RefoMB as `rlaifv eval` opens it. */
import { type RefombItem, refomb } from "../../../shared/evaluation/refomb/refomb.ts";
import type { BenchEntry, OpenedBench } from "../bench.ts";
import { EvaluationError } from "../problems.ts";
import { loadRefomb, loadRefombAnswers } from "./load.ts";
import { loadRefombReplies } from "./replies.ts";

const WAY_OUT = "give the reference model's answers with --references FILE, e.g. RefoMB_gpt4v_dev.jsonl";

/** A judge is asked only where there is an answer to compare with. */
function comparing(): ReturnType<typeof refomb> {
  const bench = refomb();
  return {
    ...bench,
    judge(item: RefombItem, answer, options) {
      if (item.reference !== null) return bench.judge(item, answer, options);
      throw new EvaluationError(`item ${item.itemId}: answer: there is no reference answer to compare with`, WAY_OUT);
    },
  };
}

export const refombEntry: BenchEntry = {
  name: "refomb",
  summary: "answers against a reference model's, compared by a judge (--items: RefoMB_dev.jsonl, and --references)",
  async open({ data, references }): Promise<OpenedBench> {
    if (data === undefined)
      throw new EvaluationError(
        "refomb needs its items",
        'fetch them with "rlaifv eval fetch refomb", or give RefoMB_dev.jsonl with --items FILE',
      );
    const items = await loadRefomb({ questions: data, references });
    const bare = items.filter(({ reference }) => reference === null).length;
    return {
      bench: comparing() as OpenedBench["bench"],
      items,
      settings: {},
      notes:
        bare === 0
          ? []
          : [`${bare} of ${items.length} items have no reference answer: only stored replies are scored.`],
      readAnswers: (path) => loadRefombAnswers(path, items),
      readReplies: (path, answers) => loadRefombReplies(path, items, answers),
    };
  },
};
