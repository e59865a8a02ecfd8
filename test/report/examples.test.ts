import assert from "node:assert/strict";
import { test } from "node:test";
import sharp from "sharp";
import { drawExamples, heldOutExample, pairExample } from "../../functions/report/examples.ts";
import { thumbnail } from "../../functions/report/thumbnail.ts";
import { sha256Hex } from "../../shared/ids.ts";
import { sample, toyBench } from "../evaluation/fixtures.ts";
import { image } from "./fixtures.ts";

test("a held-out example holds the first answer of both models with verdict, p(yes) and truth of every claim", () => {
  const base = sample(
    "one",
    ["cat"],
    [{ says: ["cat", "dog"], verdicts: ["accepted", "rejected"] }, { says: ["sun"] }],
  );
  const aligned = sample("one", ["cat"], [{ says: ["cat"] }]);
  const example = heldOutExample(toyBench, { base, aligned }, image);
  assert.deepEqual(example?.objects, ["cat"]);
  assert.deepEqual(example?.base.claims, [
    { text: "cat", question: "is there a cat?", pYes: 0.9, verdict: "accepted", truth: true },
    { text: "dog", question: "is there a dog?", pYes: 0.1, verdict: "rejected", truth: false },
  ]);
  assert.equal(example?.aligned?.text, "a cat.");
});

test("without ground truth nothing is said about it, and a sample without an answer is no example", () => {
  const base = sample("one", undefined, [{ says: ["cat"] }]);
  const example = heldOutExample(undefined, { base, aligned: undefined }, image);
  assert.deepEqual([example?.objects, example?.aligned, example?.base.claims[0]?.truth], [null, null, null]);
  assert.equal(heldOutExample(undefined, { base: { ...base, candidates: [] }, aligned: undefined }, image), undefined);
});

test("a pair example knows the truth from the pair's own metadata", () => {
  const claim = (text: string) => ({ text, question: `${text}?`, pYes: null, pNo: null, verdict: "accepted" as const });
  const side = (text: string) => ({ candidateId: text, text, score: 0, claims: [claim(text)] });
  const pair = {
    pairId: "p",
    sampleId: "s",
    round: 2,
    image: { sha256: sha256Hex("x"), path: "x.png" },
    question: "What?",
    chosen: side("cat"),
    rejected: side("dog"),
    metadata: { objects: ["cat"] },
  };
  const { chosen, rejected } = pairExample(toyBench, pair, image);
  assert.deepEqual([chosen.claims[0]?.truth, rejected.claims[0]?.truth], [true, false]);
});

test("examples are drawn by seed, and all are taken when there are few", () => {
  const items = Array.from({ length: 50 }, (_, at) => at);
  assert.deepEqual(drawExamples(items, 12, 1), drawExamples(items, 12, 1));
  assert.notDeepEqual(drawExamples(items, 12, 1), drawExamples(items, 12, 2));
  assert.deepEqual(drawExamples([1, 2], 12, 1), [1, 2]);
});

test("a large photograph becomes a small picture, a small one stays as it is", async () => {
  const large = await sharp({ create: { width: 1600, height: 900, channels: 3, background: "#447" } })
    .jpeg()
    .toBuffer();
  const small = await sharp({ create: { width: 96, height: 96, channels: 3, background: "#447" } })
    .png()
    .toBuffer();
  const [reduced, kept] = [await thumbnail(large), await thumbnail(small)];
  assert.deepEqual([reduced.width, reduced.height, reduced.url.slice(0, 16)], [320, 180, "data:image/webp;"]);
  assert.equal(kept.url, `data:image/png;base64,${small.toString("base64")}`);
});
