import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { answerHash } from "../../../shared/evaluation/digest.ts";
import { evaluate } from "../../../shared/evaluation/evaluate.ts";
import type { Tagger } from "../../../shared/evaluation/object-halbench/normalise.ts";
import {
  type Extraction,
  type ObjectHalbenchItem,
  objectHalbench,
} from "../../../shared/evaluation/object-halbench/object-halbench.ts";
import type { EvaluationMode, JudgeCall } from "../../../shared/schemas/evaluation.ts";

/** Every word a noun: enough for lists of object names. */
const tagger: Tagger = (text) => [
  text
    .split(/[\s,.]+/)
    .filter((word) => word !== "")
    .map((lemma) => ({ lemma, tag: ["a", "and", "with", "the"].includes(lemma) ? "DT" : "NN" })),
];

const ANSWER = "There is a man with a dog and a cat in the room.";
const item = (id: number, truth: string[]): ObjectHalbenchItem => ({
  itemId: String(id),
  image: `coco-${id}`,
  question: "Describe the picture.",
  truth: { strict: truth, parity: truth },
});

const call = (itemId: string, reply: string | null, repetition = 0, text = ANSWER): JudgeCall => ({
  itemId,
  kind: "extract",
  repetition,
  answerHash: answerHash({ text }),
  model: "extractor",
  revision: "1",
  temperature: 0,
  promptHash: "p",
  reply,
  ...(reply === null ? { failure: "timeout" } : {}),
});

const bench = (extraction: Extraction = { by: "llm" }) => objectHalbench({ extraction, tagger });
const scoreOf = (calls: JudgeCall[], mode: EvaluationMode = "strict", text: string | null = ANSWER) =>
  bench().score(item(1, ["person", "dog"]), { itemId: "1", text }, calls, mode);
const mentioned = (reply: string, mode: EvaluationMode = "strict") => {
  const { detail, missing } = scoreOf([call("1", reply)], mode);
  type Readings = { mentions: { word: string }[] }[];
  return missing ? "missing" : (detail["readings"] as Readings)[0]!.mentions.map(({ word }) => word);
};

test("an extractor is asked once a repetition about every answer with words, in JSON where the server has it", () => {
  const options = { repetitions: 2, temperature: 0.2, structuredOutput: true };
  const asks = bench().judge(item(1, []), { itemId: "1", text: ANSWER }, options);
  assert.deepEqual(
    asks.map(({ kind, repetition, body }) => [
      kind,
      repetition,
      body.temperature,
      body.response_format?.json_schema.name,
    ]),
    [
      ["extract", 0, 0.2, "objects"],
      ["extract", 1, 0.2, "objects"],
    ],
  );
  assert.ok(JSON.stringify(asks[0]!.body.messages).includes(ANSWER));
  const plain = bench().judge(item(1, []), { itemId: "1", text: ANSWER }, { ...options, structuredOutput: false });
  assert.equal(plain[0]!.body.response_format, undefined);
  assert.notEqual(plain[0]!.promptHash, asks[0]!.promptHash);
  for (const text of ["", "  ", null]) assert.deepEqual(bench().judge(item(1, []), { itemId: "1", text }, options), []);
});

test("judge-free extraction and stored extractions ask nothing", () => {
  const options = { repetitions: 1, temperature: 0, structuredOutput: true };
  const stored: Extraction = { by: "stored", normalised: false, objects: new Map() };
  for (const extraction of [{ by: "wink" }, stored] as Extraction[]) {
    assert.deepEqual(bench(extraction).judge(item(1, []), { itemId: "1", text: ANSWER }, options), []);
  }
});

const REPLIES: [string, string, string[] | "missing"][] = [
  ["JSON as asked", '{"objects": ["man", "dog"]}', ["man", "dog"]],
  ["a JSON list", '["man", "dog"]', ["man", "dog"]],
  ["JSON in a block", '```json\n["man", "dog"]\n```', ["man", "dog"]],
  ["words before the list", 'Here it is:\n["man", "dog"]', ["man", "dog"]],
  ["bullets", "- man\n- dog", ["man", "dog"]],
  ["an empty list", '{"objects": []}', []],
  ["RLAIF-V's empty list", "()", []],
  ["the same object twice", '["dog", "dog", "a dog"]', ["dog"]],
  ["capitals and plurals", '["Dogs", "MEN"]', ["dog", "man"]],
  ["words for one class", '["dog", "puppy"]', ["dog", "puppy"]],
  ["no class of COCO", '["sky", "room"]', []],
  ["a refusal", "I'm sorry, I cannot help with that.", "missing"],
  ["nothing", "", "missing"],
  ["100 kB", `["${"dog ".repeat(25_000)}"]`, "missing"],
  ["numbers for objects", '{"objects": [1, 2]}', "missing"],
  ["names of JavaScript's own", '["constructor", "__proto__", "dog"]', ["dog"]],
];

for (const [name, reply, words] of REPLIES) {
  test(`an extractor's reply is read or missing, never guessed: ${name}`, () => {
    assert.deepEqual(mentioned(reply), words);
    assert.equal(bench().unparsable(item(1, []), [call("1", reply)]), words === "missing" ? 1 : 0);
  });
}

test("without a usable extraction an answer is missing in both modes, and so is no answer", () => {
  for (const mode of ["strict", "parity"] as const) {
    assert.equal(scoreOf([call("1", null)], mode).missing, true);
    assert.equal(scoreOf([], mode).missing, true);
    assert.equal(scoreOf([], mode, null).missing, true);
  }
});

test("an answer of up to three words has no objects for RLAIF-V; strictly it is read", () => {
  const reply = [call("1", '["cat"]', 0, "A cat.")];
  assert.deepEqual(scoreOf(reply, "parity", "A cat.").parts["response_hallucination"], { top: 0, bottom: 0 });
  assert.deepEqual(scoreOf(reply, "strict", "A cat.").parts["response_hallucination"], { top: 1, bottom: 1 });
});

test("parity takes whole rows of nouns and leaves the rest of a phrase, strict takes what each row ends in", () => {
  const reply = '["leather couch", "man with a wine glass"]';
  assert.deepEqual(mentioned(reply, "parity"), ["wine glass"]);
  assert.deepEqual(mentioned(reply, "strict"), ["couch", "man", "wine glass"]);
});

test("several readings of an answer are averaged in strict mode; RLAIF-V takes the first", () => {
  const calls = [call("1", '["dog"]', 0), call("1", '["dog", "cat"]', 1)];
  assert.deepEqual(scoreOf(calls).parts["mention_hallucination"], { top: 0.5, bottom: 1.5 });
  assert.deepEqual(scoreOf(calls, "parity").parts["mention_hallucination"], { top: 0, bottom: 1 });
});

const OPTIONS = {
  mode: "strict" as const,
  confidence: 0.95,
  resamples: 40,
  seed: 3,
  settings: {},
  answers: { source: "test", model: null, revision: null },
};
const WORDS = ["man", "dog", "puppy", "cat", "car", "wine glass", "sky"];
const described = fc.record({
  truth: fc.subarray(["person", "dog", "cat", "wine glass"]),
  objects: fc.array(fc.constantFrom(...WORDS), { maxLength: 6 }),
});
type Described = { truth: string[]; objects: string[] }[];

function resultOf(given: Described, order: readonly number[] = given.map((_, at) => at)) {
  const objects = new Map(given.map((one, at) => [String(at), one.objects]));
  const items = order.map((at) => item(at, given[at]!.truth));
  const answers = order.map((at) => ({ itemId: String(at), text: "Some answer with enough words." }));
  return evaluate(bench({ by: "stored", normalised: false, objects }), { items, answers, calls: [] }, OPTIONS).result;
}

test("one more object that is not there never lowers a hallucination figure and never moves recall", () => {
  const names = ["response_hallucination", "response_hallucination_all", "mention_hallucination"];
  fc.assert(
    fc.property(fc.array(described, { minLength: 1, maxLength: 6 }), fc.nat(5), (given, which) => {
      const worse = given.map((one, at) =>
        at === which % given.length ? { ...one, objects: [...one.objects, "zebra"] } : one,
      );
      const [before, after] = [resultOf(given), resultOf(worse)];
      for (const name of names)
        assert.ok((after.figures[name]!.value ?? 0) >= (before.figures[name]!.value ?? 0), name);
      assert.equal(after.figures["recall"]!.value, before.figures["recall"]!.value);
    }),
  );
});

test("the order of items changes nothing", () => {
  fc.assert(
    fc.property(fc.array(described, { minLength: 1, maxLength: 6 }), (given) => {
      assert.deepEqual(
        resultOf(
          given,
          given.map((_, at) => given.length - 1 - at),
        ),
        resultOf(given),
      );
    }),
  );
});

test("naming an object again changes nothing, by another word it is a second mention", () => {
  const mentions = (objects: string[]) => resultOf([{ truth: ["dog"], objects }]).figures["mention_hallucination"]!.n;
  assert.deepEqual([mentions(["dog"]), mentions(["dog", "dog"]), mentions(["dog", "puppy"])], [1, 1, 2]);
});
