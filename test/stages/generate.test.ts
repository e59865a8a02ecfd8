import assert from "node:assert/strict";
import { test } from "node:test";
import { Generated } from "../../shared/schemas/sample.ts";
import { generate } from "../../shared/stages/generate.ts";
import { contextOf, done, failed, reply, SAMPLE, walk } from "./make.ts";

test("one request asks the policy for all candidates, image first, with the paper's decoding and a seed of its own", () => {
  const [request, ...others] = generate.ask(SAMPLE, contextOf());
  assert.equal(others.length, 0);
  assert.equal(request!.target, "policy/0");
  assert.equal(request!.custom_id, "smp_1/generate");
  const { messages, seed, ...decoding } = request!.body;
  assert.deepEqual(decoding, { n: 10, temperature: 0.7, max_tokens: 512 });
  assert.deepEqual(messages[0]!.content, [
    { type: "image_url", image_url: { url: `blob:${SAMPLE.image.sha256}` } },
    { type: "text", text: "What is there?" },
  ]);
  assert.notEqual(seed, generate.ask(SAMPLE, { ...contextOf(), round: 2 })[0]!.body.seed);
  assert.equal(seed, generate.ask(SAMPLE, contextOf())[0]!.body.seed);
});

test("candidates keep the server's order of choices and have ids from sample, place, model and seed", () => {
  const context = contextOf();
  const [request] = generate.ask(SAMPLE, context);
  const first = reply(request!, " a dog ");
  assert.equal(first.outcome, "completed");
  const choices = [
    { index: 1, finish_reason: "length", message: { role: "assistant" as const, content: "" } },
    ...(first.outcome === "completed" ? first.completion.choices : []),
  ];
  const both = first.outcome === "completed" ? { ...first, completion: { ...first.completion, choices } } : first;
  const { result } = walk(generate, SAMPLE, context, () => both);
  const sample = Generated.parse(done(result));
  assert.deepEqual(
    sample.candidates.map(({ index, text, finishReason }) => [index, text, finishReason]),
    [
      [0, "a dog", "stop"],
      [1, "", "length"],
    ],
  );
  assert.equal(new Set(sample.candidates.map((candidate) => candidate.candidateId)).size, 2);
  assert.deepEqual(result.losses, { empty_answer: 1, cut_answer: 1 });
  const renamed = done(walk(generate, SAMPLE, { ...context, policy: "another" }, () => both).result);
  assert.notEqual(renamed.candidates[0]!.candidateId, sample.candidates[0]!.candidateId);
});

test("a sample whose request failed is parked with the server's reason", () => {
  const { result } = walk(generate, SAMPLE, contextOf(), failed);
  assert.deepEqual(result, { outcome: "parked", reason: "generate: 500: server lost", losses: { failed_request: 1 } });
});
