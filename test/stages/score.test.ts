import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChatReply, ChatRequest } from "../../shared/schemas/chat.ts";
import { type Questioned, Scored } from "../../shared/schemas/sample.ts";
import { score } from "../../shared/stages/score.ts";
import { verdictOf, yesNoMass, yesNoOf } from "../../shared/stages/verdict.ts";
import { goldenTests } from "../support/golden.ts";
import { contextOf, done, failed, generated, reply, SAMPLE, textOf, walk } from "./make.ts";

const LABELER = { engine: "embedded" as const, model: "l" };
const PARITY = { score: { mode: "parity" as const } };

/** Candidates from lists of [claim, question]. */
function questioned(...candidates: [string, string][][]): Questioned {
  const sample = generated(...candidates.map((_, at) => `answer ${at}`));
  return {
    ...sample,
    candidates: sample.candidates.map((candidate, at) => ({
      ...candidate,
      claims: candidates[at]!.map(([text, question], place) => ({
        claimId: `${candidate.candidateId}.${place}`,
        text,
        question,
      })),
    })),
  };
}

const says = (request: ChatRequest, pYes: number, pNo: number): ChatReply =>
  reply(request, "", {
    top: [
      { token: "Yes", logprob: Math.log(pYes) },
      { token: "No", logprob: Math.log(pNo) },
    ],
  });

const questionOf = (request: ChatRequest) => textOf(request).split("\n")[0]!;

test("each distinct question is asked once per labeler, image first, for one token with its alternatives", () => {
  const sample = questioned(
    [
      ["A.", "A?"],
      ["B.", "B?"],
    ],
    [["A.", "A?"]],
  );
  const requests = score.ask(sample, contextOf({ labelers: [LABELER, LABELER] }));
  assert.deepEqual(
    requests.map((request) => [request.target, questionOf(request)]),
    [
      ["labeler/0", "A?"],
      ["labeler/0", "B?"],
      ["labeler/1", "A?"],
      ["labeler/1", "B?"],
    ],
  );
  const { messages, ...decoding } = requests[0]!.body;
  assert.deepEqual(decoding, { max_tokens: 1, temperature: 0, logprobs: true, top_logprobs: 20 });
  assert.deepEqual((messages[0]!.content as unknown[])[0], {
    type: "image_url",
    image_url: { url: `blob:${SAMPLE.image.sha256}` },
  });
  assert.equal(new Set(requests.map((request) => request.custom_id)).size, 4);
});

test("an answer's score is minus the number of its rejected claims", () => {
  const sample = questioned(
    [
      ["A.", "A?"],
      ["B.", "B?"],
      ["C.", "C?"],
    ],
    [["A.", "A?"]],
  );
  const { result } = walk(score, sample, contextOf(), (request) =>
    questionOf(request) === "A?" ? says(request, 0.9, 0.05) : says(request, 0.1, 0.8),
  );
  const scored = Scored.parse(done(result));
  assert.deepEqual(
    scored.candidates.map((candidate) => candidate.score),
    [-2, 0],
  );
  assert.deepEqual(
    scored.candidates[0]!.claims.map((claim) => claim.verdict),
    ["accepted", "rejected", "rejected"],
  );
});

goldenTests(
  "golden claim scoring in parity mode",
  (all) => all.claim_scoring.cases,
  (one) => {
    const sample = questioned(one.claims.map((_, at) => [`claim ${at}`, `question ${at}`]));
    const { result } = walk(score, sample, contextOf(PARITY), (request) => {
      const probabilities = one.claims[Number(questionOf(request).split(" ")[1])]!;
      return reply(request, "", {
        top: Object.entries(probabilities).map(([token, p]) => ({ token, logprob: Math.log(p) })),
      });
    });
    const [candidate] = done(result).candidates;
    assert.equal(candidate!.score, one.expected.score);
    assert.deepEqual(
      candidate!.claims.map((claim) => Number(claim.verdict === "accepted")),
      one.expected.labels,
    );
    for (const [at, claim] of candidate!.claims.entries()) {
      assert.ok(Math.abs(claim.labels[0]!.pYes - one.expected.p_yes[at]!) < 1e-6);
      assert.ok(Math.abs(claim.labels[0]!.pNo - one.expected.p_no[at]!) < 1e-6);
    }
  },
);

test("all spellings of yes and no count, words that only begin like them do not", () => {
  const yes = ["yes", "Yes", " YES", "▁Yes", "Ġyes", '"Yes', "yes.", "**Yes**", "\nYes"];
  const no = ["no", "No", " NO", "▁no", "ĠNo", "No,", "“no”"];
  const neither = ["Not", "None", "Now", "yesterday", "y", "", " ", "Yes sir", "unknown"];
  assert.deepEqual(
    yes.map((token) => yesNoOf(token, "strict")),
    yes.map(() => "yes"),
  );
  assert.deepEqual(
    no.map((token) => yesNoOf(token, "strict")),
    no.map(() => "no"),
  );
  assert.deepEqual(
    neither.map((token) => yesNoOf(token, "strict")),
    neither.map(() => undefined),
  );
  assert.deepEqual(
    ["Yes", " yes", "YES", "yes."].map((token) => yesNoOf(token, "parity")),
    ["yes", "yes", undefined, undefined],
  );
  const label = yesNoMass(
    [
      { token: "Yes", logprob: 0 },
      { token: " yes", logprob: -1e-9 },
    ],
    "strict",
  );
  assert.deepEqual(label, { pYes: 1, pNo: 0 });
});

test("strict abstains on little mass, on a thin margin and on disagreeing labelers; abstained claims count neither way", () => {
  const strict = contextOf().config.score;
  assert.equal(verdictOf([{ pYes: 0.3, pNo: 0.1 }], strict), "abstained");
  assert.equal(verdictOf([{ pYes: 0.5, pNo: 0.45 }], strict), "abstained");
  assert.equal(
    verdictOf(
      [
        { pYes: 0.9, pNo: 0.05 },
        { pYes: 0.1, pNo: 0.8 },
      ],
      strict,
    ),
    "abstained",
  );
  assert.equal(
    verdictOf(
      [
        { pYes: 0.9, pNo: 0.05 },
        { pYes: 0.2, pNo: 0.1 },
      ],
      strict,
    ),
    "accepted",
  );
  assert.equal(verdictOf([{ pYes: 0.5, pNo: 0.5 }], { ...strict, margin: 0 }), "abstained");
  const majority = { ...strict, consensus: 0.6 };
  assert.equal(
    verdictOf(
      [
        { pYes: 0.1, pNo: 0.9 },
        { pYes: 0.1, pNo: 0.9 },
        { pYes: 0.9, pNo: 0.1 },
      ],
      majority,
    ),
    "rejected",
  );
  const sample = questioned(
    [
      ["A.", "A?"],
      ["B.", "B?"],
    ],
    [["A.", "A?"]],
  );
  const { result } = walk(score, sample, contextOf(), (request) =>
    questionOf(request) === "A?" ? says(request, 0.3, 0.1) : says(request, 0.1, 0.8),
  );
  assert.deepEqual(
    done(result).candidates.map((candidate) => candidate.score),
    [-1, null],
  );
  assert.deepEqual(result.losses, { low_mass: 1, abstained: 2 });
});

test("a claim said twice is rejected in strict mode and left alone in parity mode", () => {
  const sample = questioned([
    ["A red dog.", "A?"],
    ["a red  dog", "B?"],
  ]);
  const accept = (request: ChatRequest) => says(request, 0.9, 0.05);
  const strict = walk(score, sample, contextOf(), accept);
  assert.equal(done(strict.result).candidates[0]!.score, -1);
  assert.deepEqual(strict.result.losses, { repeated_claim: 1 });
  assert.equal(done(walk(score, sample, contextOf(PARITY), accept).result).candidates[0]!.score, 0);
});

test("in parity mode only the first labeler is asked and a tie rejects", () => {
  const context = contextOf({ ...PARITY, labelers: [LABELER, LABELER] });
  const { result, asked } = walk(score, questioned([["A.", "A?"]]), context, (request) => says(request, 0.4, 0.4));
  assert.equal(asked.length, 1);
  assert.equal(done(result).candidates[0]!.score, -1);
  assert.deepEqual(result.losses, { tie: 1 });
});

test("an answer with a claim that a labeler did not answer has no score; the others keep theirs", () => {
  const sample = questioned(
    [
      ["A.", "A?"],
      ["B.", "B?"],
    ],
    [["A.", "A?"]],
  );
  const { result } = walk(score, sample, contextOf(), (request) =>
    questionOf(request) === "B?" ? failed(request) : says(request, 0.9, 0.05),
  );
  assert.deepEqual(
    done(result).candidates.map((candidate) => candidate.score),
    [null, 0],
  );
  assert.deepEqual(result.losses, { failed_label: 1 });
});

test("a sample is parked when its labeler sends no logprobs, with advice", () => {
  const { result } = walk(score, questioned([["A.", "A?"]]), contextOf(), (request) => reply(request, "Yes"));
  assert.equal(result.outcome, "parked");
  assert.match(result.outcome === "parked" ? result.reason : "", /no logprobs; choose a server/);
});

test("answers without usable claims are not asked about and get no score", () => {
  const sample = questioned([]);
  const unusable = { ...sample, candidates: [{ ...sample.candidates[0]!, unusable: "no_claims" as const }] };
  const { result, asked } = walk(score, unusable, contextOf(), failed);
  assert.equal(asked.length, 0);
  assert.equal(done(result).candidates[0]!.score, null);
});
