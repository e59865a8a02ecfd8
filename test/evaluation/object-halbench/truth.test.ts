import assert from "node:assert/strict";
import { test } from "node:test";
import { truthOf } from "../../../shared/evaluation/object-halbench/fold.ts";
import { captionTokens, nounLemma } from "../../../shared/evaluation/object-halbench/lemma.ts";
import { COCO_VOCABULARY } from "../../../shared/evaluation/object-halbench/vocabulary.ts";

const truth = (captions: string[], mode: "strict" | "parity" = "strict", categories: string[] = []) =>
  truthOf({ categories, captions }, COCO_VOCABULARY, mode);

test("annotated categories and words of any caption are in the picture, each class once", () => {
  assert.deepEqual(truth(["Two puppies near a sofa.", "A DOG and a couch"], "strict", ["dog", "tv"]), [
    "couch",
    "dog",
    "tv",
  ]);
});

test("plurals are found: regular, irregular, and of two-word names", () => {
  const captions = [
    "Women with knives, geese, mice and buses.",
    "Wine glasses, fire hydrants, hot dogs; toothbrushes!",
  ];
  assert.deepEqual(truth(captions), [
    "bird",
    "bus",
    "fire hydrant",
    "hot dog",
    "knife",
    "mouse",
    "person",
    "toothbrush",
    "wine glass",
  ]);
});

test("parity keeps what NLTK makes of men, vases and words that WordNet lacks; strict mends it", () => {
  const captions = ["men with vases and smartphones"];
  assert.deepEqual(truth(captions, "strict"), ["cell phone", "person", "vase"]);
  assert.deepEqual(truth(captions, "parity"), []);
});

test("train tracks are no train, a toilet's seat no chair, a baby elephant an elephant", () => {
  assert.deepEqual(truth(["a baby elephant on train tracks", "the seat of the toilet"]), ["elephant", "toilet"]);
});

test("words that the table does not know stay as they are", () => {
  for (const word of ["glass", "was", "grass", "tennis", "constructor", ""]) {
    assert.equal(nounLemma(word, COCO_VOCABULARY, "strict"), word);
  }
});

test("tokens are lower-case words; hyphens stay, a possessive stands alone", () => {
  assert.deepEqual(captionTokens("The dog's black-and-white ball, 2 men."), [
    "the",
    "dog",
    "'s",
    "black-and-white",
    "ball",
    ",",
    "2",
    "men",
    ".",
  ]);
});
