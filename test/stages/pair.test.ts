import assert from "node:assert/strict";
import { test } from "node:test";
import { PairConfig } from "../../shared/schemas/config.ts";
import { Pair } from "../../shared/schemas/pair.ts";
import type { Scored, ScoredCandidate } from "../../shared/schemas/sample.ts";
import { searchRatio } from "../../shared/stages/length-balance.ts";
import { addPairDrops, balancePairs, pairSample, walkWords, withinDebt } from "../../shared/stages/pair.ts";
import { goldenTests } from "../support/golden.ts";
import { SAMPLE } from "./make.ts";

type Spec = {
  id: string;
  score: number | null;
  text?: string;
  claims?: number;
  repeated?: boolean;
  finishReason?: string;
};

/** Candidates with the given scores, each with at least as many claims as it has rejected ones. */
function scored(...specs: Spec[]): Scored {
  return { ...SAMPLE, candidates: specs.map(candidateOf) };
}

function candidateOf(spec: Spec, index: number): ScoredCandidate {
  const count = spec.claims ?? Math.max(1, -(spec.score ?? 0));
  const claims = Array.from({ length: count }, (_, at) => ({
    claimId: `${spec.id}.${at}`,
    text: `claim ${at}`,
    question: `question ${at}?`,
    labels: [
      { pYes: 0.8, pNo: 0.1 },
      { pYes: 0.6, pNo: 0.3 },
    ],
    verdict: at < -(spec.score ?? 0) ? ("rejected" as const) : ("accepted" as const),
    repeated: spec.repeated === true && at === count - 1,
  }));
  const { id, score } = spec;
  return {
    candidateId: id,
    index,
    text: spec.text ?? `text of ${id}`,
    finishReason: spec.finishReason ?? "stop",
    completionTokens: null,
    claims,
    score,
  };
}

const contextOf = (config: Partial<Pair["chosen"]> & Record<string, unknown> = {}) => ({
  config: PairConfig.parse(config),
  seed: 1,
  round: 1,
});
const names = (pairs: readonly Pair[]) =>
  pairs.map((pair) => `${pair.chosen.candidateId}>${pair.rejected.candidateId}`);

goldenTests(
  "golden pair building in parity mode",
  (all) => all.pair_building.cases,
  (one) => {
    const sample = scored(...Object.entries(one.scores).map(([id, score]) => ({ id, score })));
    const { pairs } = pairSample(sample, contextOf({ mode: "parity", minScoreGap: one.diff, perSample: null }));
    assert.equal(pairs.length, one.expected_count);
    if (one.expected_pairs === undefined) return;
    assert.deepEqual(
      pairs.map((pair) => ({
        chosen: pair.chosen.candidateId,
        rejected: pair.rejected.candidateId,
        chosen_score: pair.chosen.score,
        rejected_score: pair.rejected.score,
      })),
      one.expected_pairs,
    );
    const two = pairSample(sample, contextOf({ mode: "parity", minScoreGap: one.diff, perSample: 2 }));
    assert.equal(two.pairs.length, Math.min(2, one.expected_count));
    assert.ok(names(two.pairs).every((name) => names(pairs).includes(name)));
  },
);

test("a pair record says what decided it, with the labelers' means", () => {
  const { pairs } = pairSample(
    { ...scored({ id: "a", score: 0 }, { id: "b", score: -1 }), reference: "a tower" },
    contextOf(),
  );
  const [pair] = pairs;
  assert.deepEqual(Pair.parse(pair), pair);
  assert.deepEqual(pair!.chosen, {
    candidateId: "a",
    text: "text of a",
    score: 0,
    claims: [{ text: "claim 0", question: "question 0?", pYes: 0.7, pNo: 0.2, verdict: "accepted" }],
  });
  assert.equal(pair!.reference, "a tower");
  assert.deepEqual(pair!.metadata, { source: "test" });
});

test("answers without a score are never paired and are counted", () => {
  const { pairs, dropped } = pairSample(scored({ id: "a", score: 0 }, { id: "b", score: null }), contextOf());
  assert.deepEqual(pairs, []);
  assert.deepEqual(dropped, { unusable_candidate: 1 });
});

test("strict: equal texts make no pair, cut or repeating answers never win", () => {
  const equal = pairSample(
    scored({ id: "a", score: 0, text: "same  words" }, { id: "b", score: -1, text: "same words " }),
    contextOf(),
  );
  assert.deepEqual(equal.dropped, { identical_text: 1 });
  const cut = scored(
    { id: "a", score: 0, finishReason: "length" },
    { id: "b", score: -1 },
    { id: "c", score: -2, repeated: true },
  );
  const { pairs, dropped } = pairSample(cut, contextOf({ perSample: null }));
  assert.deepEqual(names(pairs), ["b>c"]);
  assert.deepEqual(dropped, { chosen_malformed: 2 });
});

test("parity: an answer that asks the same question twice falls out, as in RLAIF-V", () => {
  const sample = scored({ id: "a", score: 0 }, { id: "b", score: -2 });
  const [first, second] = sample.candidates[1]!.claims;
  sample.candidates[1]!.claims = [first!, { ...second!, question: first!.question }];
  assert.deepEqual(pairSample(sample, contextOf({ mode: "parity" })).dropped, { unusable_candidate: 1 });
});

test("claimSurplus lets the chosen answer have as many claims or a few more, never fewer", () => {
  const sample = scored(
    { id: "a", score: 0, claims: 2 },
    { id: "b", score: -1, claims: 3 },
    { id: "c", score: -2, claims: 2 },
  );
  assert.deepEqual(names(pairSample(sample, contextOf({ claimSurplus: 0 })).pairs), ["a>c"]);
  const one = pairSample(sample, contextOf({ claimSurplus: 1, perSample: null }));
  assert.deepEqual([names(one.pairs), one.dropped], [["a>c", "b>c"], { unequal_claims: 1 }]);
});

test("cleanChosen takes only answers without any rejected claim as the better one", () => {
  const sample = scored({ id: "a", score: 0 }, { id: "b", score: -1 }, { id: "c", score: -2 });
  const { pairs, dropped } = pairSample(sample, contextOf({ cleanChosen: true, perSample: null }));
  assert.deepEqual(names(pairs), ["a>b", "a>c"]);
  assert.deepEqual(dropped, { chosen_not_clean: 1 });
});

test("disjoint uses every answer at most once", () => {
  const sample = scored(...[0, -1, -2, -3, -4, -5].map((score, at) => ({ id: `c${at}`, score })));
  const { pairs, dropped } = pairSample(sample, contextOf({ disjoint: true, perSample: null }));
  const used = pairs.flatMap((pair) => [pair.chosen.candidateId, pair.rejected.candidateId]);
  assert.equal(new Set(used).size, used.length);
  assert.equal(pairs.length + (dropped.candidate_taken ?? 0), 15);
});

goldenTests(
  "golden length balance",
  (all) => all.length_balance.cases,
  (one) => {
    const expected = one.expected.recommended_result ?? one.expected;
    const lengths = one.lengths_chosen_rejected.map(([chosen, rejected]) =>
      typeof chosen === "string" ? { chosen: rejected, rejected, same: true } : { chosen, rejected, same: false },
    );
    const { ratio, table, keeps } = searchRatio(lengths, 0);
    assert.equal(ratio, expected.ratio);
    assert.deepEqual(
      [...lengths.keys()].filter((at) => keeps(lengths[at]!)),
      expected.kept_indices,
    );
    const row = table.find((candidate) => candidate.ratio === ratio)!;
    assert.ok(Math.abs(row.objective! - expected.objective) < 1e-6);
    if (expected.mean_chosen_len !== undefined)
      assert.ok(Math.abs(row.meanChosenWords! - expected.mean_chosen_len) < 1e-6);
    assert.equal(table.length, 50);
  },
);

test("strict keeps at least the retained share where parity keeps one lucky pair", () => {
  const lengths = [98, 90, 80, 60].map((chosen) => ({ chosen, rejected: 100, same: false }));
  assert.equal(searchRatio(lengths, 0).ratio, 0.02);
  const strict = searchRatio(lengths, 0.5);
  assert.equal(lengths.filter(strict.keeps).length, 2);
});

const words = (count: number, word: string) => Array.from({ length: count }, () => word).join(" ");

test("the balance keeps order, counts what it took out and reports the whole table", () => {
  const samples = [50, 20, 60].map((length, at) => ({
    ...scored({ id: `a${at}`, score: 0, text: words(length, "c") }, { id: `b${at}`, score: -1, text: words(55, "r") }),
    sampleId: `smp_${at}`,
  }));
  const pairs = samples.flatMap((sample) => pairSample(sample, contextOf()).pairs);
  const balanced = balancePairs(pairs, contextOf());
  assert.deepEqual(
    balanced.pairs.map((pair) => pair.sampleId),
    ["smp_0", "smp_2"],
  );
  assert.deepEqual(balanced.dropped, { chosen_too_short: 1 });
  assert.equal(balanced.table?.length, 50);
  const off = balancePairs(pairs, contextOf({ balance: false }));
  assert.deepEqual([off.pairs.length, off.ratio, off.table], [3, null, null]);
});

test("no pairs at all are a result", () => {
  const { pairs, ratio, dropped } = balancePairs([], contextOf({ runningWordDebt: 0 }));
  assert.deepEqual([pairs, ratio, dropped], [[], null, {}]);
  assert.deepEqual(pairSample({ ...SAMPLE, candidates: [] }, contextOf()), { pairs: [], dropped: {} });
});

test("the word debt refuses pairs that would let chosen answers fall behind", () => {
  const pair = (chosen: number, rejected: number) => ({ chosen, rejected });
  assert.equal(walkWords([pair(5, 9), pair(5, 9)], withinDebt(4), 1).length, 1);
  assert.equal(walkWords([pair(9, 5), pair(9, 5)], withinDebt(0), 1).length, 2);
});

test("drop counters are summed by name", () => {
  assert.deepEqual(addPairDrops({ small_gap: 1 }, { small_gap: 2, word_debt: 1 }, {}), { small_gap: 3, word_debt: 1 });
});
