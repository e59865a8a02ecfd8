import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { readSafetensors } from "../../functions/embedded/autodiff/safetensors.ts";
import { loadBuiltIn } from "../../functions/embedded/engine/models.ts";
import { openEmbeddedEngine } from "../../functions/embedded/engine.ts";
import { embeddedTrainer } from "../../functions/embedded/trainer.ts";
import { sceneRows } from "../../functions/embedded/world/manifest.ts";
import { sha256Hex } from "../../shared/ids.ts";
import type { TrainJob, TrainStep } from "../../shared/ports/trainer.ts";
import { TrainConfig } from "../../shared/schemas/config.ts";
import type { Pair } from "../../shared/schemas/pair.ts";

const blobs = memoryBlobStore();
const trainer = embeddedTrainer({ blobs });
const signal = new AbortController().signal;
const onStep = () => {};
let pairs: Pair[];

before(async () => {
  pairs = [];
  for await (const { id, image, question, metadata } of sceneRows({ split: "tuning", seed: 50, count: 10 })) {
    const sha256 = await blobs.writeContent(image);
    const [first] = metadata.scene.objects;
    const there = new Set(metadata.scene.objects.map((object) => object.class));
    const absent = ["dog", "cow", "pizza", "car"].find((object) => !there.has(object as never))!;
    const side = (text: string) => ({ candidateId: text, text, score: 0, claims: [] });
    pairs.push({
      pairId: id,
      sampleId: id,
      round: 1,
      image: { sha256, path: id },
      question,
      chosen: side(`There is a ${first!.class}.`),
      rejected: side(`There is a ${absent}.`),
      metadata: {},
    });
  }
});

const job = (name: string, more: Partial<TrainJob> = {}): TrainJob => ({
  name,
  base: undefined,
  baseModel: "embedded/policy",
  pairs,
  config: TrainConfig.parse({
    trainer: "embedded",
    learningRate: 3e-4,
    epochs: 4,
    batchPairs: 4,
    checkpointsPerEpoch: 1,
  }),
  seed: 7,
  outputPrefix: `train/${name}`,
  ...more,
});

async function trained(name: string, more: Partial<TrainJob> = {}) {
  const outcome = await trainer.train(job(name, more), { signal, onStep });
  assert.equal(outcome.outcome, "trained");
  return outcome as Extract<typeof outcome, { outcome: "trained" }>;
}

describe("the embedded trainer", () => {
  test("starts at ln 2 and learns to prefer the chosen answers", async () => {
    const { steps, checkpoints, pairsUsed } = await trained("learns");
    assert.equal(pairsUsed, 10);
    assert.equal(steps.length, 12);
    assert.ok(Math.abs(steps[0]!.loss - Math.LN2) < 1e-3);
    assert.ok(steps.at(-1)!.loss < 0.5 && steps.at(-1)!.margin > 0.5 && steps.at(-1)!.accuracy > 0.9);
    assert.deepEqual(
      checkpoints.map(({ id, step, epoch }) => ({ id, step, epoch })),
      [3, 6, 9, 12].map((step) => ({ id: `learns-s${step}`, step, epoch: step / 3 })),
    );
  });

  test("leaves vision and the base as they were", async () => {
    const { checkpoints } = await trained("vision", { config: { ...job("x").config, epochs: 1 } });
    const file = (await blobs.read(checkpoints[0]!.key))!;
    assert.equal(checkpoints[0]!.sha256, sha256Hex(file));
    const { weights } = readSafetensors(file);
    const base = (await loadBuiltIn("policy")).weights;
    assert.deepEqual(weights["vision.patch.weight"], { ...base["vision.patch.weight"]! });
    assert.notDeepEqual(weights["text.head.weight"]!.data, base["text.head.weight"]!.data);
  });

  test("stopped and started again it ends in the same bytes as undisturbed, and tells the same steps", async () => {
    const whole = await trained("whole");
    const stop = new AbortController();
    const stopAt = (step: TrainStep) => {
      if (step.step === 8) stop.abort();
    };
    const again = job("whole", { outputPrefix: "train/stopped" });
    await assert.rejects(trainer.train(again, { signal: stop.signal, onStep: stopAt }));
    const resumed: number[] = [];
    const outcome = await trainer.train(again, { signal, onStep: ({ step }) => resumed.push(step) });
    assert.deepEqual(resumed, [7, 8, 9, 10, 11, 12]); // from the checkpoint of step 6
    assert.equal(outcome.outcome, "trained");
    if (outcome.outcome !== "trained") return;
    assert.deepEqual(outcome.steps, whole.steps);
    assert.deepEqual(
      outcome.checkpoints.map(({ sha256 }) => sha256),
      whole.checkpoints.map(({ sha256 }) => sha256),
    );
  });

  test("a finished job is not done again", async () => {
    const first = await trained("once");
    const outcome = await trainer.train(job("once"), { signal, onStep: () => assert.fail("trained again") });
    assert.deepEqual(outcome, first);
  });

  test("goes on from a checkpoint, whose weights the engine then serves by its key", async () => {
    const { checkpoints } = await trained("first", { config: { ...job("x").config, epochs: 1 } });
    const { steps, checkpoints: next } = await trained("second", {
      base: checkpoints[0],
      config: { ...job("x").config, epochs: 1 },
    });
    assert.ok(Math.abs(steps[0]!.loss - Math.LN2) < 1e-3); // the reference is the checkpoint itself
    const info = await openEmbeddedEngine({ blobs }).describe(next[0]!.key);
    assert.equal(info.revision, next[0]!.sha256);
  });

  test("counts pairs it cannot write, and says so when too few are left", async () => {
    const strange = pairs.map((pair) => ({ ...pair, chosen: { ...pair.chosen, text: "There is a zebra." } }));
    const { pairsUsed, pairsDropped } = await trained("strange", {
      pairs: [...pairs, ...strange],
      config: { ...job("x").config, epochs: 1 },
    });
    assert.deepEqual([pairsUsed, pairsDropped], [10, { unknown_words: 10 }]);
    const outcome = await trainer.train(job("none", { pairs: strange }), { signal, onStep });
    assert.deepEqual(outcome, { outcome: "too_few_pairs", pairs: 0, needed: 2 });
  });

  test("refuses a base model it does not have", async () => {
    await assert.rejects(
      trainer.train(job("x", { baseModel: "llava" }), { signal, onStep }),
      /trains "embedded\/policy", not "llava"/,
    );
  });
});
