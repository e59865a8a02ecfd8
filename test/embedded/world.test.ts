import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { randomOf } from "../../functions/embedded/random.ts";
import { loadArt } from "../../functions/embedded/world/art.ts";
import { CLEAN, drawCaption } from "../../functions/embedded/world/captions.ts";
import {
  type Claim,
  captionOf,
  PLACES,
  questionOf,
  RELATIONS,
  sentenceOf,
  truth,
} from "../../functions/embedded/world/claims.ts";
import { markAnswer, summarise } from "../../functions/embedded/world/marks.ts";
import { OBJECTS, type ObjectName } from "../../functions/embedded/world/objects.ts";
import { objectMentions, parseCaption, parseQuestion, parseSentence } from "../../functions/embedded/world/parse.ts";
import { fromImage, toPng } from "../../functions/embedded/world/png.ts";
import { drawClaim } from "../../functions/embedded/world/quiz.ts";
import { renderScene } from "../../functions/embedded/world/render.ts";
import { sceneAt } from "../../functions/embedded/world/scene.ts";

const object = fc.constantFrom(...OBJECTS);
const claim: fc.Arbitrary<Claim> = fc.oneof(
  fc.record({ kind: fc.constant("exists" as const), object }),
  fc.record({ kind: fc.constant("count" as const), object, count: fc.constantFrom("two" as const, "three" as const) }),
  fc.record({ kind: fc.constant("place" as const), object, place: fc.constantFrom(...PLACES) }),
  fc
    .record({ kind: fc.constant("relation" as const), object, relation: fc.constantFrom(...RELATIONS), other: object })
    .filter(({ object: one, other }) => one !== other),
);

const dogsAndCar = {
  objects: [
    { object: "dog" as const, cell: 0 },
    { object: "dog" as const, cell: 5 },
    { object: "car" as const, cell: 7 },
  ],
};

test("every claim is read back from its sentence and from its question", () => {
  fc.assert(
    fc.property(claim, (said) => {
      assert.deepEqual(parseSentence(sentenceOf(said)), { ...said });
      assert.deepEqual(parseQuestion(questionOf(said)), { ...said });
    }),
  );
});

test("truth follows the scene's objects, cells and numbers", () => {
  const cases: [string, boolean][] = [
    ["There is a dog.", true],
    ["There is a cow.", false],
    ["There are two dogs.", true],
    ["There are three dogs.", false],
    ["There are two cars.", false],
    ["A dog is on the left.", true],
    ["A dog is on the right.", true],
    ["A dog is in the middle.", false],
    ["A dog is at the bottom.", false],
    ["A car is at the bottom.", true],
    ["A dog is left of a car.", true],
    ["A car is left of a dog.", true],
    ["A car is above a dog.", false],
    ["A dog is above a cow.", false],
  ];
  assert.deepEqual(
    cases.map(([sentence]) => [sentence, truth(dogsAndCar, parseSentence(sentence)!)]),
    cases,
  );
});

test("sentences outside the grammar are malformed, and none of them is lost", () => {
  const text = "There is a dog. There is a dogs. A dog is left of a dog. Dog dog. There are two dog. A car is here";
  assert.deepEqual(parseCaption(text), {
    claims: [{ kind: "exists", object: "dog" }],
    malformed: ["There is a dogs.", "A dog is left of a dog.", "Dog dog.", "There are two dog.", "A car is here"],
  });
});

test("object words count wherever they stand, plurals too", () => {
  assert.deepEqual(objectMentions("There are two dogs. Car dog is kites a. The cat"), ["dog", "car", "dog", "kite"]);
});

test("an answer's marks tell what it invents, leaves out, repeats and garbles", () => {
  const marks = markAnswer(dogsAndCar, "There is a dog. There is a dog. There is a cow. Kite is.");
  assert.deepEqual(marks, {
    mentions: 4,
    hallucinated: ["cow", "kite"],
    present: 2,
    named: 1,
    claims: 3,
    falseClaims: 1,
    malformed: 1,
    duplicates: 1,
    words: 14,
  });
  assert.equal(summarise([marks]).responseHallucination, 1);
});

test("a caption without noise is true and names every kind of object", () => {
  for (let i = 0; i < 200; i++) {
    const scene = sceneAt("tuning", 3, i);
    const marks = markAnswer(scene, captionOf(drawCaption(randomOf("clean", i), scene, CLEAN)));
    assert.equal(marks.falseClaims, 0);
    assert.equal(marks.named, marks.present);
    assert.equal(marks.malformed, 0);
  }
});

test("captions of the wild invent what the theme suggests, in about half of the answers", () => {
  const marks = Array.from({ length: 500 }, (_, i) => {
    const scene = sceneAt("tuning", 4, i);
    return markAnswer(scene, captionOf(drawCaption(randomOf("wild", i), scene)));
  });
  const { responseHallucination } = summarise(marks);
  assert.ok(responseHallucination > 0.4 && responseHallucination < 0.6, `${responseHallucination}`);
});

test("claims for questions are true about as often as false", () => {
  const answers = Array.from({ length: 2000 }, (_, i) => {
    const scene = sceneAt("tuning", 5, i);
    return truth(scene, drawClaim(randomOf("claims", i), scene));
  });
  const share = answers.filter(Boolean).length / answers.length;
  assert.ok(share > 0.46 && share < 0.54, `${share}`);
});

test("the same number gives the same scene, another split another one", () => {
  assert.deepEqual(sceneAt("train", 1, 7), sceneAt("train", 1, 7));
  const splits = (["pretrain", "train", "tuning", "report"] as const).map((split) => sceneAt(split, 1, 7));
  assert.equal(new Set(splits.map((scene) => JSON.stringify(scene))).size, 4);
});

test("every object stays inside its cell and a PNG file gives back every pixel", async () => {
  const art = await loadArt();
  const alone = (name: ObjectName, cell: number) => ({
    theme: "park" as const,
    objects: [{ object: name, cell }],
    look: "x",
  });
  const empty = renderScene({ theme: "park", objects: [], look: "x" }, art);
  const pixels = renderScene(alone("dog", 4), art);
  for (let at = 0; at < pixels.length; at += 3) {
    const [x, y] = [(at / 3) % 96, Math.floor(at / 3 / 96)];
    const inside = x >= 32 && x < 64 && y >= 32 && y < 64;
    if (!inside) assert.equal(pixels[at], empty[at]);
  }
  assert.notDeepEqual(pixels, empty);
  assert.deepEqual(await fromImage(await toPng(pixels)), new Uint8Array(pixels));
});
