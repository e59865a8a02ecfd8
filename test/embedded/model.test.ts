import assert from "node:assert/strict";
import { before, test } from "node:test";
import { countWeights, type Weights } from "../../functions/embedded/autodiff/weights.ts";
import { checkWeights, initialWeights } from "../../functions/embedded/model/architecture.ts";
import { attentionMask } from "../../functions/embedded/model/layers.ts";
import { logprobGraph, preferenceGraph } from "../../functions/embedded/model/preference-graph.ts";
import { type Prefix, prefixGraph } from "../../functions/embedded/model/prefix-graph.ts";
import { pretrainingGraph } from "../../functions/embedded/model/pretraining-graph.ts";
import { promptGraph } from "../../functions/embedded/model/prompt-graph.ts";
import {
  addSegment,
  answerOf,
  captionRow,
  captionSegment,
  emptyRow,
  questionIds,
  questionSegment,
} from "../../functions/embedded/model/rows.ts";
import { logitsOf, stepGraph } from "../../functions/embedded/model/step-graph.ts";
import { decode } from "../../functions/embedded/model/tokenizer.ts";
import { type ImageTokens, visionGraph } from "../../functions/embedded/model/vision-graph.ts";
import { BATCH, drawBatch } from "../../functions/embedded/pretraining/batches.ts";
import { logSoftmax } from "../../functions/embedded/sampling/choose.ts";
import { loadArt } from "../../functions/embedded/world/art.ts";
import { renderScene } from "../../functions/embedded/world/render.ts";
import { sceneAt } from "../../functions/embedded/world/scene.ts";
import { dpo } from "../../shared/stages/train.ts";

const weights = initialWeights(3);
let images: ImageTokens[];
let prefixes: Prefix[];

before(async () => {
  const art = await loadArt();
  const [vision, prefix] = [await visionGraph(), await prefixGraph()];
  images = await vision.see(
    weights,
    Array.from({ length: 8 }, (_, i) => renderScene(sceneAt("tuning", 9, i), art)),
  );
  prefixes = await prefix.read(weights, images);
  await Promise.all([vision.release(), prefix.release()]);
});

const largest = (values: Float32Array): number =>
  values.reduce((best, value, k) => (Math.abs(value) > Math.abs(values[best]!) ? k : best), 0);

test("the model has about 1.2 million weights, and weights of another model are refused by name", () => {
  assert.equal(Math.round(countWeights(weights) / 1e4), 118);
  const { "text.position": _, ...others } = weights;
  assert.throws(() => checkWeights(others, "x.safetensors"), /x\.safetensors: has no weight "text\.position"/);
});

test("the pretraining loss of the whole model falls as its gradients say, in every part of it", async () => {
  const graph = await pretrainingGraph(BATCH);
  const batch = drawBatch(await loadArt(), 1, 0, { captions: 2, dense: 0.5 });
  const copy = structuredClone(weights) as Weights;
  const { gradients } = await graph.step(copy, batch, 1);
  const picked = Object.entries(gradients).map(([name, values]) => ({
    name,
    k: largest(values),
    slope: values[largest(values)]!,
  }));
  for (const { name, k, slope } of picked.filter((_, i) => i % 7 === 0)) {
    const { data } = copy[name]!;
    const kept = data[k]!;
    const step = 1e-2;
    data[k] = kept + step;
    const above = (await graph.step(copy, batch, 1)).loss;
    data[k] = kept - step;
    const below = (await graph.step(copy, batch, 1)).loss;
    data[k] = kept;
    const measured = (above - below) / (2 * step);
    assert.ok(Math.abs(measured - slope) < 0.01 * Math.abs(slope) + 1e-3, `${name}: ${slope} against ${measured}`);
  }
  await graph.release();
});

test("writing token by token from the cache gives the same logits as reading the whole text at once", async () => {
  const [steps, prompts] = [await stepGraph(weights, 8), await promptGraph()];
  const ids = questionIds("Is a dog left of a cow?");
  prefixes.forEach((prefix, slot) => {
    steps.start(slot, prefix);
  });
  let logits = new Float32Array();
  for (const [position, id] of ids.entries()) {
    logits = (await steps.step(
      new Int32Array(8).fill(id),
      new Int32Array(8).fill(position),
    )) as Float32Array<ArrayBuffer>;
  }
  const whole = await prompts.answer(
    weights,
    images.map((image) => ({ image, ids })),
  );
  whole.forEach((expected, slot) => {
    logSoftmax(logitsOf(logits, slot)).forEach((logprob, token) => {
      assert.ok(Math.abs(logprob - expected[token]!) < 1e-5);
    });
  });
  await Promise.all([steps.release(), prompts.release()]);
});

test("an answer's logprobs are bit for bit the same wherever it stands in a batch", async () => {
  const prompts = await promptGraph();
  const asked = Array.from({ length: 70 }, (_, i) => ({
    image: images[i % 8]!,
    ids: questionIds(["Is there a dog?", "Are there two cows?", "Is a car at the top?"][i % 3]!),
  }));
  const all = await prompts.answer(weights, asked);
  const order = asked.map((_, i) => (i * 37) % 70);
  const mixed = await prompts.answer(
    weights,
    order.map((i) => asked[i]!),
  );
  order.forEach((i, place) => {
    assert.deepEqual(mixed[place], all[i]);
  });
  assert.deepEqual((await prompts.answer(weights, [asked[69]!]))[0], all[69]);
  await prompts.release();
});

test("texts in one row do not see each other and start at the first position each", () => {
  const row = emptyRow();
  addSegment(row, questionSegment({ question: "Is there a dog?", answer: "yes" }));
  addSegment(row, questionSegment({ question: "Where is the cow?", answer: "left top" }));
  addSegment(row, captionSegment("There is a dog."));
  assert.deepEqual(row.positions, [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5]);
  assert.deepEqual(row.segments, [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
  assert.equal(answerOf(row), "Yes left top there is a dog.");
  const mask = attentionMask(Int32Array.from(row.segments), 1);
  const length = 9 + row.segments.length;
  const seenBy = (head: number, from: number) =>
    Array.from({ length }, (_, to) => to).filter((to) => mask[(head * length + from) * length + to] === 0);
  const image = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  assert.deepEqual(seenBy(3, 9 + 8), [...image, 15, 16, 17]); // third token of the second question
  assert.deepEqual(seenBy(0, 9 + 8), image);
  assert.deepEqual(seenBy(3, 4), image);
});

test("a caption row counts every token of the answer and its end", () => {
  const row = captionRow("There is a dog.");
  assert.deepEqual(row.weights, [1, 1, 1, 1, 1, 1]);
  assert.equal(decode(row.tokens), "There is a dog.");
});

test("the training graph computes the DPO loss of the formulas, and an SFT term beside it", async () => {
  const answers = ["There is a dog. A dog is on the left.", "There are two cows.", "A car is above a kite."];
  const rows = answers.map((text, i) => ({ image: images[i]!, row: captionRow(text) }));
  const reference = await logprobGraph();
  const measured = await reference.measure(weights, rows);
  const pair = {
    chosen: rows[0]!,
    rejected: rows[1]!,
    referenceChosen: measured[0]! - 3,
    referenceRejected: measured[1]! + 2,
  };
  const even = { chosen: rows[2]!, rejected: rows[1]!, referenceChosen: measured[2]!, referenceRejected: measured[1]! };
  const graph = await preferenceGraph(4);
  const { loss, chosen, rejected } = await graph.step(weights, [pair, even], { beta: 0.1, sftWeight: 0 });
  const expected = [pair, even].map((each, i) =>
    dpo({ policyChosen: chosen[i]!, policyRejected: rejected[i]!, ...each }, 0.1),
  );
  assert.ok(Math.abs(loss - (expected[0]!.loss + expected[1]!.loss) / 2) < 1e-5);
  assert.ok(Math.abs(expected[1]!.loss - Math.LN2) < 1e-4);
  const tokens = rows.map(({ row }) => row.tokens.length);
  const nll = (-measured[0]! / tokens[0]! - measured[2]! / tokens[2]!) / 2;
  const both = await graph.step(weights, [pair, even], { beta: 0.1, sftWeight: 0.3 });
  assert.ok(Math.abs(both.loss - loss - 0.3 * nll) < 1e-4);
  await Promise.all([reference.release(), graph.release()]);
});
