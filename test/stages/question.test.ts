import assert from "node:assert/strict";
import { test } from "node:test";
import { type Divided, Questioned } from "../../shared/schemas/sample.ts";
import { divide } from "../../shared/stages/divide.ts";
import { question } from "../../shared/stages/question.ts";
import { contextOf, done, failed, generated, reply, textOf, walk } from "./make.ts";

function divided(...claims: string[][]): Divided {
  const sample = generated(...claims.map((_, at) => `answer ${at}`));
  const candidates = sample.candidates.map((candidate, at) => ({
    ...candidate,
    claims: claims[at]!.map((text, place) => ({ claimId: `${candidate.candidateId}.${place}`, text })),
  }));
  return { ...sample, candidates };
}

test("the claims of an answer come back with their questions, in order", () => {
  const sample = divided(["A dog runs.", "A cat sits."], ["A cup stands."]);
  const { result, asked } = walk(question, sample, contextOf({}, true), (request) => {
    const statements = textOf(request).split("Statements:\n")[1]!.split("\n");
    return reply(request, JSON.stringify({ questions: statements.map((line) => `${line.slice(2)}?`) }));
  });
  const questioned = Questioned.parse(done(result));
  assert.deepEqual(
    questioned.candidates.map((candidate) => candidate.claims.map((claim) => claim.question)),
    [["A dog runs.?", "A cat sits.?"], ["A cup stands.?"]],
  );
  assert.deepEqual(
    asked.map((request) => request.custom_id),
    ["cnd_0/question", "cnd_1/question"],
  );
  assert.match(textOf(asked[0]!), /\n\nStatements:\n- A dog runs\.\n- A cat sits\.$/);
});

test("when the numbers differ each claim is asked for alone", () => {
  const sample = divided(["A.", "B.", "C."]);
  const { result, asked } = walk(question, sample, contextOf(), (request) => {
    const statements = textOf(request).split("Statements:\n")[1]!.split("\n");
    return reply(request, statements.length > 1 ? "- Is it A?\n- Is it B?" : `Is it ${statements[0]!.slice(2, 3)}?`);
  });
  assert.deepEqual(
    asked.map((request) => request.custom_id),
    ["cnd_0/question", "cnd_0/question/0", "cnd_0/question/1", "cnd_0/question/2"],
  );
  assert.deepEqual(
    done(result).candidates[0]!.claims.map((claim) => claim.question),
    ["Is it A?", "Is it B?", "Is it C?"],
  );
});

test("a claim that gets two questions even alone makes its answer a named loss", () => {
  const { result } = walk(question, divided(["A.", "B."]), contextOf(), (request) =>
    reply(request, "- One?\n- Two?\n- Three?"),
  );
  assert.equal(done(result).candidates[0]!.unusable, "claim_question_mismatch");
  assert.deepEqual(result.losses, { claim_question_mismatch: 1 });
});

test("claims that brought their questions from a one-call division pass through unasked", () => {
  const context = contextOf({ divide: { mode: "one_call" } }, true);
  const both = { claims: [{ claim: "A dog.", question: "Is there a dog?" }] };
  const sample = done(
    walk(divide, generated("A dog."), context, (request) => reply(request, JSON.stringify(both))).result,
  );
  const { result, asked } = walk(question, sample, context, failed);
  assert.equal(asked.length, 0);
  assert.equal(done(result).candidates[0]!.claims[0]!.question, "Is there a dog?");
});

test("a sample is parked when every request failed, and goes on when one did not", () => {
  const sample = divided(["A."], ["B."]);
  assert.equal(walk(question, sample, contextOf(), failed).result.outcome, "parked");
  const { result } = walk(question, sample, contextOf(), (request) =>
    request.custom_id.startsWith("cnd_0") ? failed(request) : reply(request, "- B?"),
  );
  assert.deepEqual(
    done(result).candidates.map((candidate) => candidate.unusable),
    ["request_failed", undefined],
  );
});
