import assert from "node:assert/strict";
import { test } from "node:test";
import { Divided } from "../../shared/schemas/sample.ts";
import { divide } from "../../shared/stages/divide.ts";
import { contextOf, done, failed, generated, reply, textOf, walk } from "./make.ts";

test("every answer becomes claims in order, with ids from the answer and their place", () => {
  const sample = generated("A dog. A cat.", "A cup.");
  const { result, asked } = walk(divide, sample, contextOf(), (request) =>
    reply(request, textOf(request).endsWith("A cup.") ? "- There is a cup." : "1. There is a dog.\n2. There is a cat."),
  );
  const divided = Divided.parse(done(result));
  assert.deepEqual(
    divided.candidates.map((candidate) => candidate.claims),
    [
      [
        { claimId: "cnd_0.0", text: "There is a dog." },
        { claimId: "cnd_0.1", text: "There is a cat." },
      ],
      [{ claimId: "cnd_1.0", text: "There is a cup." }],
    ],
  );
  assert.deepEqual(
    asked.map((request) => request.custom_id),
    ["cnd_0/divide/0", "cnd_1/divide/0"],
  );
});

test("the question and then the answer stand last in the prompt, under lines of their own", () => {
  const [request] = divide.ask(generated("A dog\nand a cat."), contextOf());
  assert.match(textOf(request!), /\n\nQuestion:\nWhat is there\?\n\nAnswer:\nA dog\nand a cat\.$/);
});

test("a server that obeys schemas gets one, another is asked for bullets", () => {
  const [structured] = divide.ask(generated("A dog."), contextOf({}, true));
  const [plain] = divide.ask(generated("A dog."), contextOf());
  assert.equal(structured!.body.response_format?.json_schema.name, "claims");
  assert.equal(plain!.body.response_format, undefined);
});

test("a long answer is divided in windows of whole sentences and its claims are joined", () => {
  const sentences = Array.from({ length: 30 }, (_, at) => `Thing ${at} stands beside the other things here.`);
  const { result, asked } = walk(
    divide,
    generated(sentences.join(" ")),
    contextOf({ divide: { windowWords: 40 } }),
    (request) =>
      reply(
        request,
        textOf(request)
          .split("Answer:\n")[1]!
          .split(/(?<=\.) /)
          .map((sentence) => `- ${sentence}`)
          .join("\n"),
      ),
  );
  assert.equal(asked.length, 6);
  assert.deepEqual(
    done(result).candidates[0]!.claims.map((claim) => claim.text),
    sentences,
  );
});

test("a cut list is asked again with twice the room, and is a named loss when it is cut again", () => {
  const context = contextOf({ divide: { maxTokens: 64 } });
  const once = walk(divide, generated("A dog."), context, (request) =>
    reply(request, "- A dog.", { finish: request.body.max_tokens === 64 ? "length" : "stop" }),
  );
  assert.deepEqual(
    once.asked.map((request) => request.body.max_tokens),
    [64, 128],
  );
  assert.equal(done(once.result).candidates[0]!.claims.length, 1);
  const always = walk(divide, generated("A dog."), context, (request) => reply(request, "- A d", { finish: "length" }));
  assert.equal(done(always.result).candidates[0]!.unusable, "cut_claim_list");
  assert.deepEqual(always.result.losses, { cut_claim_list: 1 });
});

test("no claims, no list, an empty answer and a failed request are told apart", () => {
  const { result } = walk(divide, generated("none", "prose", "", "lost", "good"), contextOf(), (request) => {
    const answer = textOf(request).split("Answer:\n")[1];
    if (answer === "lost") return failed(request);
    return reply(request, { none: "None.", prose: "What a nice picture this is.", good: "- A dog." }[answer!]!);
  });
  const issues = done(result).candidates.map((candidate) => candidate.unusable);
  assert.deepEqual(issues, ["no_claims", "unparsable_claims", "empty_answer", "request_failed", undefined]);
  assert.deepEqual(result.losses, { no_claims: 1, unparsable_claims: 1, failed_request: 1 });
});

test("a sample is parked when every request failed", () => {
  const { result } = walk(divide, generated("A dog.", ""), contextOf(), failed);
  assert.equal(result.outcome, "parked");
});

test("a preset of the released divider brings its template, its top-p and RLAIF-V's list rule", () => {
  const divider = {
    engine: "openai" as const,
    model: "m",
    baseUrl: "http://127.0.0.1:1/v1",
    preset: "rlaifv-llama3-divide",
  };
  const { result, asked } = walk(divide, generated("A dog {answer}."), contextOf({ divider }, true), (request) =>
    reply(request, "### Facts:\n- A dog.\nNo dash here"),
  );
  assert.match(textOf(asked[0]!), /### Facts:[\s\S]*What is there\?[\s\S]*A dog \{answer\}\.$/);
  assert.equal(asked[0]!.body.top_p, 0.9);
  assert.equal(asked[0]!.body.response_format, undefined);
  assert.deepEqual(
    done(result).candidates[0]!.claims.map((claim) => claim.text),
    ["A dog.", "o dash here"],
  );
});

test("an unknown preset is refused with the names of the known ones", () => {
  const divider = { engine: "embedded" as const, model: "m", preset: "llama-9" };
  assert.throws(
    () => divide.ask(generated("A dog."), contextOf({ divider })),
    /unknown preset "llama-9"; the known ones are .*qwen2\.5-vl-7b/,
  );
});
