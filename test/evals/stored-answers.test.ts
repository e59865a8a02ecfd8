/** Stored answers by whatever hand: RLAIF-V's result files, and what an evaluation of this project left. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { writeJsonLines } from "../../functions/evals/files.ts";
import { benchEntry } from "../../functions/evals/registry.ts";
import { evaluate } from "../../shared/evaluation/evaluate.ts";
import type { EvaluationMode } from "../../shared/schemas/evaluation.ts";
import { lines, temporaryFolder, writeFiles } from "../intake/support.ts";

async function opened(t: TestContext, bench: string, data: string) {
  return benchEntry(bench).open(
    { data, seed: 1, count: 1 },
    { dataDir: await temporaryFolder(t), blobs: memoryBlobStore() },
  );
}

const options = (mode: EvaluationMode) => ({
  ...{ mode, settings: {}, seed: 1, confidence: 0.95, resamples: 20 },
  answers: { source: "stored answers", model: null, revision: null },
});

test("a result file of RLAIF-V is items, answers and objects at once, and gives its own numbers again", async (t) => {
  const sentence = (image_id: number, words: string[], truth: string[]) => ({
    ...{ image_id, caption: `${words.join(" and ")} can be seen here`, words, mscoco_gt_words: truth },
    ...{ mscoco_hallucinated_words: [], metrics: {} },
  });
  const sentences = [
    sentence(1, ["dog", "cat"], ["dog"]),
    sentence(2, ["dog"], ["dog", "chair"]),
    sentence(3, [], ["cup"]),
  ];
  const path = await writeFiles(await temporaryFolder(t), {
    "hall_answers_-1.json": JSON.stringify({ overall_metrics: {}, sentences }),
  });
  const bench = await opened(t, "object-halbench", path);
  const answers = await bench.readAnswers(path);
  const { result } = evaluate(bench.bench, { items: bench.items, answers, calls: [] }, options("parity"));
  const { CHAIRs, CHAIRs_refine, CHAIRi, obj_rec, ...rest } = result.extra;
  assert.deepEqual([CHAIRs, CHAIRs_refine, CHAIRi, obj_rec], [1 / 3, 1 / 2, 1 / 3, 2 / 4]);
  assert.deepEqual([rest["sentence_num"], rest["coco_sentence_num"]], [3, 2]);
});

test("answers that an evaluation left are read by their names, for every bench and in any order", async (t) => {
  const folder = await temporaryFolder(t);
  const questions = Array.from({ length: 12 }, (_, at) => ({
    ...{ question_id: at + 1, image: "1.jpg", text: `Is there thing ${at}?`, label: at < 6 ? "yes" : "no" },
  }));
  await writeFiles(folder, {
    "coco_pope_random.json": lines(questions),
    "amber/query/query_all.json": JSON.stringify([{ id: 1, image: "1.jpg", query: "Describe it." }]),
    "amber/annotations.json": JSON.stringify([{ id: 1, type: "generative", truth: ["tower"], hallu: [] }]),
    "amber/relation.json": JSON.stringify({ tower: [] }),
    "amber/safe_words.txt": "line\n",
  });
  const left = join(folder, "answers.jsonl");
  const pope = await opened(t, "pope", join(folder, "coco_pope_random.json"));
  const byName = pope.items.map(({ itemId }, at) => ({ itemId, text: at < 6 ? "Yes" : "No" }));
  await writeJsonLines(
    left,
    byName.toSorted((a, b) => (a.itemId < b.itemId ? -1 : 1)),
  ); // random/1, random/10, random/11, …
  const answers = await pope.readAnswers(left);
  const { result } = evaluate(pope.bench, { items: pope.items, answers, calls: [] }, options("strict"));
  assert.equal(result.figures["accuracy"]?.value, 1);
  const amber = await opened(t, "amber", join(folder, "amber", "query", "query_all.json"));
  await writeJsonLines(left, [{ itemId: "1", text: "A tower." }]);
  assert.deepEqual(await amber.readAnswers(left), [{ itemId: "1", text: "A tower." }]);
});
