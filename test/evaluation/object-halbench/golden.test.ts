import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { evaluate } from "../../../shared/evaluation/evaluate.ts";
import { CLASS_WORDS, LEFT_OUT } from "../../../shared/evaluation/object-halbench/classes.ts";
import { classesOf, foldTokens } from "../../../shared/evaluation/object-halbench/fold.ts";
import {
  parityObjects,
  strictObjects,
  type TaggedToken,
} from "../../../shared/evaluation/object-halbench/normalise.ts";
import { objectHalbench } from "../../../shared/evaluation/object-halbench/object-halbench.ts";
import {
  COCO_VOCABULARY,
  parseClassWords,
  vocabularyOf,
} from "../../../shared/evaluation/object-halbench/vocabulary.ts";

const at = (path: string) => new URL(`../../../../shared/${path}`, import.meta.url);
const absent = (path: string) => (existsSync(at(path)) ? false : `../shared/${path} is not here`);
const GOLDEN = "golden/rlaifv.json";
const TABLE = "data/eval/synonyms_refine.txt";
const golden = () => JSON.parse(readFileSync(at(GOLDEN), "utf8"));

test("captions fold as RLAIF-V folds them, to the last token", { skip: absent(GOLDEN) }, () => {
  const { cases } = golden().caption_object_folding;
  type Case = { tokens: string[]; expected_tokens: string[]; expected_classes: string[] };
  const folded = (cases as Case[]).map(({ tokens }) => ({
    expected_tokens: foldTokens(tokens, COCO_VOCABULARY),
    expected_classes: classesOf(tokens, COCO_VOCABULARY),
  }));
  assert.deepEqual(
    folded,
    (cases as Case[]).map(({ expected_tokens, expected_classes }) => ({ expected_tokens, expected_classes })),
  );
});

test("extracted objects become RLAIF-V's strings in parity mode, and their heads in strict mode", {
  skip: absent(GOLDEN),
}, () => {
  const { objects_as_lemma_tag, expected } = golden().object_normalisation;
  const objects = objects_as_lemma_tag as TaggedToken[][];
  assert.deepEqual(parityObjects(objects, COCO_VOCABULARY), expected);
  assert.deepEqual(strictObjects(objects, COCO_VOCABULARY), [
    "table",
    "wine glass",
    "kitchen counter",
    "dog",
    "cat toy",
    "man",
    "hat",
  ]);
});

type Captions = { image_id: number; caption: string; objs: string[]; gt: string[] }[];

test("the whole benchmark in parity mode tells RLAIF-V's numbers, every one of them", { skip: absent(GOLDEN) }, () => {
  const { synonyms, captions, expected_overall, expected_report } = golden().chair;
  const items = (captions as Captions).map(({ image_id, gt }) => ({
    itemId: String(image_id),
    image: String(image_id),
    question: "Describe the picture.",
    truth: { strict: gt, parity: gt },
  }));
  const bench = objectHalbench({
    tagger: () => [],
    vocabulary: vocabularyOf(synonyms),
    extraction: {
      by: "stored",
      normalised: true,
      objects: new Map((captions as Captions).map(({ image_id, objs }) => [String(image_id), objs])),
    },
  });
  const answers = (captions as Captions).map(({ image_id, caption }) => ({ itemId: String(image_id), text: caption }));
  const { result } = evaluate(
    bench,
    { items, answers, calls: [] },
    {
      mode: "parity",
      confidence: 0.95,
      resamples: 50,
      seed: 1,
      settings: {},
      answers: { source: "golden", model: null, revision: null },
    },
  );
  for (const [key, value] of Object.entries(expected_overall as Record<string, number>)) {
    assert.ok(Math.abs(result.extra[key]! - value) < 1e-10, `${key}: ${result.extra[key]}, expected ${value}`);
  }
  assert.equal((100 * result.extra["object_f1"]!).toFixed(4), String(expected_report.object_f1_unprinted));
});

test("the table has COCO's 80 classes, lower case, and no word twice", () => {
  assert.equal(CLASS_WORDS.length, 80);
  const words = CLASS_WORDS.flat();
  assert.deepEqual(
    words.filter((word, place) => words.indexOf(word) !== place || word !== word.toLowerCase().trim()),
    [],
  );
});

test("every word of RLAIF-V's table names the same class here, or is left out for a reason", {
  skip: absent(TABLE),
}, () => {
  const rows = parseClassWords(readFileSync(at(TABLE), "utf8"));
  const different = rows.flatMap(([name, ...others]) =>
    [name!, ...others].filter((word) => COCO_VOCABULARY.classOf.get(word) !== name && !Object.hasOwn(LEFT_OUT, word)),
  );
  assert.deepEqual(different, []);
  assert.equal(vocabularyOf(rows).phrases.size, 58); // rlaifv-spec §4.1
});
