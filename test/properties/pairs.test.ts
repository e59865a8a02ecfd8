import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { searchRatio } from "../../shared/stages/length-balance.ts";
import { balancePairs, pairSample, towardsSurplus, walkWords, withinDebt } from "../../shared/stages/pair.ts";
import { pairConfig, scoredSample } from "../support/scored-samples.ts";

const context = fc.record({ config: pairConfig, seed: fc.nat(), round: fc.integer({ min: 1, max: 9 }) });

test("every pair has the gap, and every combination is either a pair or counted as dropped", () => {
  fc.assert(
    fc.property(scoredSample, context, (scored, given) => {
      const { pairs, dropped } = pairSample(scored, given);
      const usable = scored.candidates.length - (dropped.unusable_candidate ?? 0);
      const counted = Object.entries(dropped).reduce(
        (sum, [name, count]) => (name === "unusable_candidate" ? sum : sum + count),
        0,
      );
      assert.equal(pairs.length + counted, Math.max(0, (usable * (usable - 1)) / 2));
      assert.ok(pairs.every((pair) => pair.chosen.score - pair.rejected.score >= given.config.minScoreGap));
      assert.equal(new Set(pairs.map((pair) => pair.pairId)).size, pairs.length);
      if (given.config.perSample !== null) assert.ok(pairs.length <= given.config.perSample);
    }),
  );
});

test("strict pairs never reward a cut, repeating or equal answer", () => {
  fc.assert(
    fc.property(scoredSample, context, (scored, given) => {
      const { pairs } = pairSample(scored, { ...given, config: { ...given.config, mode: "strict" } });
      for (const pair of pairs) {
        const chosen = scored.candidates.find((one) => one.candidateId === pair.chosen.candidateId)!;
        assert.notEqual(chosen.finishReason, "length");
        assert.ok(!chosen.claims.some((claim) => claim.repeated));
        assert.notEqual(pair.chosen.text, pair.rejected.text);
        const surplus = pair.chosen.claims.length - pair.rejected.claims.length;
        if (given.config.claimSurplus !== null) assert.ok(surplus >= 0 && surplus <= given.config.claimSurplus);
      }
    }),
  );
});

test("the same sample, seed and round give the same pairs; the cap only takes away", () => {
  fc.assert(
    fc.property(scoredSample, context, (scored, given) => {
      const once = pairSample(scored, given);
      assert.deepEqual(pairSample(scored, given), once);
      if (given.config.disjoint) return;
      const all = pairSample(scored, { ...given, config: { ...given.config, perSample: null } }).pairs.map(
        (pair) => pair.pairId,
      );
      assert.deepEqual(
        once.pairs.map((pair) => pair.pairId),
        all.filter((id) => once.pairs.some((pair) => pair.pairId === id)),
      );
    }),
  );
});

test("the balance returns some of the pairs in their order and accounts for the others", () => {
  fc.assert(
    fc.property(fc.array(scoredSample, { maxLength: 6 }), context, (samples, given) => {
      const pairs = samples.flatMap((scored) => pairSample(scored, given).pairs);
      const balanced = balancePairs(pairs, given);
      const kept = new Set(balanced.pairs);
      assert.deepEqual(
        balanced.pairs,
        pairs.filter((pair) => kept.has(pair)),
      );
      const dropped = Object.values(balanced.dropped).reduce((sum, count) => sum + count, 0);
      assert.equal(balanced.pairs.length + dropped, pairs.length);
      assert.deepEqual(balancePairs(pairs, given), balanced);
    }),
  );
});

const lengths = fc.array(
  fc.record({ chosen: fc.nat({ max: 60 }), rejected: fc.nat({ max: 60 }), same: fc.boolean() }),
  { maxLength: 40 },
);

test("the ratio keeps its floor, has the smallest objective allowed, and only shorter chosen answers are taken out", () => {
  fc.assert(
    fc.property(lengths, fc.double({ min: 0, max: 1, noNaN: true }), (pairs, minRetained) => {
      const { ratio, table, keeps } = searchRatio(pairs, minRetained);
      const kept = pairs.filter(keeps);
      const different = pairs.filter((pair) => !pair.same);
      if (ratio === null) return assert.ok(table.every((row) => row.objective === null));
      const row = table.find((one) => one.ratio === ratio)!;
      assert.equal(kept.length, row.kept);
      assert.ok(different.every((pair) => keeps(pair) || pair.chosen < pair.rejected));
      const allowed = table.filter(
        (one) => one.objective !== null && one.kept >= Math.max(1, minRetained * different.length),
      );
      assert.ok(allowed.every((one) => one.objective! > row.objective! || one.ratio >= ratio));
    }),
  );
});

test("the word debt is never passed, in whatever order the pairs are walked", () => {
  fc.assert(
    fc.property(lengths, fc.nat({ max: 20 }), fc.nat(), (pairs, debt, seed) => {
      const kept = walkWords(pairs, withinDebt(debt), seed);
      const sum = kept.reduce((total, { chosen, rejected }) => total + chosen - rejected, 0);
      assert.ok(sum >= -debt);
      const longer = pairs.filter(({ chosen, rejected }) => chosen >= rejected);
      assert.ok(longer.every((one) => kept.includes(one)));
    }),
  );
});

test("the running mean of the words stays within a sentence of the wanted surplus", () => {
  fc.assert(
    fc.property(lengths, fc.integer({ min: -3, max: 3 }), fc.nat(), (pairs, surplus, seed) => {
      const kept = walkWords(pairs, towardsSurplus(surplus), seed);
      const sum = kept.reduce((total, { chosen, rejected }) => total + chosen - rejected, 0);
      assert.ok(Math.abs(sum - surplus * kept.length) <= 4);
    }),
  );
});
