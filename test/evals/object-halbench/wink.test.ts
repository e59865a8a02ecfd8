import assert from "node:assert/strict";
import { test } from "node:test";
import { winkTagger } from "../../../functions/evals/object-halbench/wink.ts";
import { mentionsOfObjects, strictObjects } from "../../../shared/evaluation/object-halbench/normalise.ts";
import { COCO_VOCABULARY } from "../../../shared/evaluation/object-halbench/vocabulary.ts";
import { fixtureImages } from "./coco-fixture.ts";

const tagger = winkTagger();
const classesIn = (text: string): string[] => {
  const mentions = mentionsOfObjects(strictObjects(tagger(text), COCO_VOCABULARY), COCO_VOCABULARY);
  return [...new Set(mentions.map(({ object }) => object))].sort();
};

test("noun phrases find the objects of 1,200 captions with precision and recall of at least 0.95", () => {
  const counts = { right: 0, found: 0, there: 0 };
  for (const { captions, captionClasses } of fixtureImages(240)) {
    for (const [at, caption] of captions.entries()) {
      const found = classesIn(caption);
      counts.found += found.length;
      counts.there += captionClasses[at]!.length;
      counts.right += found.filter((name) => captionClasses[at]!.includes(name)).length;
    }
  }
  const [precision, recall] = [counts.right / counts.found, counts.right / counts.there];
  assert.ok(precision >= 0.95 && recall >= 0.95, `precision ${precision}, recall ${recall}`);
});

test("a compound names what its last word names", () => {
  assert.deepEqual(classesIn("A man in an orange shirt walks along the train tracks with two baby elephants."), [
    "elephant",
    "person",
  ]);
  assert.deepEqual(classesIn("The kitchen counter holds wine glasses, a laptop screen and a leather couch cushion."), [
    "wine glass",
  ]);
  assert.deepEqual(classesIn("A Frisbee lies by the toilet seat."), ["frisbee", "toilet"]);
});
