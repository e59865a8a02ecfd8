import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { type ChairCase, chair, chairAnswer } from "../../shared/evaluation/chair.ts";
import { mentionsOf, synonymTable } from "../../shared/evaluation/mentions.ts";

const GOLDEN = new URL("../../../shared/golden/rlaifv.json", import.meta.url);
const missing = existsSync(GOLDEN) ? false : "../shared/golden/rlaifv.json is not here";

type Golden = {
  synonyms: string[][];
  captions: { image_id: number; caption: string; objs: string[]; gt: string[] }[];
  expected_per_caption: { coco_mentions: string[]; hallucinated: string[]; correct_classes: string[] }[];
  expected_overall: Record<string, number>;
  expected_report: Record<string, number>;
};

function goldenCases(golden: Golden): ChairCase[] {
  const objectOf = synonymTable(golden.synonyms);
  return golden.captions.map(({ caption, objs, gt }) => ({
    mentions: mentionsOf(objs, objectOf),
    truth: new Set(gt),
    words: caption.split(" ").length, // as RLAIF-V counts: single spaces
  }));
}

test("CHAIR of RLAIF-V's own cases equals its numbers, every output of them", { skip: missing }, () => {
  const golden: Golden = JSON.parse(readFileSync(GOLDEN, "utf8")).chair;
  const cases = goldenCases(golden);
  assert.deepEqual(
    cases.map((one) => {
      const { mentioned, hallucinated, correct } = chairAnswer(one);
      return { coco_mentions: mentioned, hallucinated, correct_classes: [...correct].sort() };
    }),
    golden.expected_per_caption.map(({ coco_mentions, hallucinated, correct_classes }) => ({
      coco_mentions,
      hallucinated,
      correct_classes,
    })),
  );
  const report = chair(cases);
  const named = {
    CHAIRs: report.responseHallucinationAll,
    CHAIRs_refine: report.responseHallucination,
    CHAIRi: report.mentionHallucination,
    obj_rec: report.recall,
    sentence_num: report.answers,
    coco_sentence_num: report.answersWithMentions,
    coco_word_count: report.correct,
    gt_word_count: report.truth,
    avg_word_len: report.words,
    correct_rate: report.responseCorrect,
    object_correct_rate: report.mentionCorrect,
  };
  for (const [key, value] of Object.entries(golden.expected_overall)) {
    assert.ok(Math.abs(named[key as keyof typeof named]! - value) < 1e-10, `${key}: ${value}`);
  }
  assert.equal((100 * report.objectF1!).toFixed(4), String(golden.expected_report["object_f1_unprinted"]));
});

test("an answer that names nothing counts among all answers and in recall, not in the paper's denominator", () => {
  const report = chair([
    { mentions: [], truth: new Set(["dog"]), words: 2 },
    { mentions: [{ word: "puppy", object: "dog" }], truth: new Set(["dog"]), words: 4 },
  ]);
  assert.deepEqual(
    [report.answers, report.answersWithMentions, report.recall, report.responseHallucination],
    [2, 1, 0.5, 0],
  );
});

test("nothing at all gives nulls, never NaN", () => {
  const report = chair([]);
  assert.deepEqual(
    Object.values(report).filter((value) => Number.isNaN(value)),
    [],
  );
  assert.equal(report.responseHallucination, null);
});

const CLASSES = ["cat", "dog", "sun", "cup"];
const mention = fc
  .constantFrom(...CLASSES, "kitten")
  .map((word) => ({ word, object: word === "kitten" ? "cat" : word }));
const chairCase = fc.record({
  mentions: fc.array(mention, { maxLength: 6 }),
  truth: fc.subarray(CLASSES).map((classes) => new Set(classes)),
  words: fc.nat(40),
});
const cases = fc.array(chairCase, { minLength: 1, maxLength: 8 });
const at = (value: number | null) => value ?? 0;

test("naming one more object that is not there never lowers a hallucination figure", () => {
  const invented = { word: "unicorn", object: "unicorn" };
  fc.assert(
    fc.property(cases, fc.nat(7), (given, which) => {
      const worse = given.map((one, index) =>
        index === which % given.length ? { ...one, mentions: [...one.mentions, invented] } : one,
      );
      const [before, after] = [chair(given), chair(worse)];
      assert.ok(at(after.responseHallucination) >= at(before.responseHallucination));
      assert.ok(at(after.responseHallucinationAll) >= at(before.responseHallucinationAll));
      assert.ok(at(after.mentionHallucination) >= at(before.mentionHallucination));
      assert.equal(after.recall, before.recall);
    }),
  );
});

test("the order of answers changes nothing", () => {
  fc.assert(fc.property(cases, (given) => assert.deepEqual(chair([...given].reverse()), chair(given))));
});

test("saying a word twice changes nothing, a second word for the same class is a second mention", () => {
  const truth = new Set(["dog"]);
  const cat = { word: "cat", object: "cat" };
  const kitten = { word: "kitten", object: "cat" };
  assert.deepEqual(chairAnswer({ mentions: [cat, cat], truth }).hallucinated, ["cat"]);
  assert.deepEqual(chairAnswer({ mentions: [cat, kitten], truth }).hallucinated, ["cat", "kitten"]);
});
