import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { candidateIdOf, canonicalJson, claimIdOf, contentHash, sampleIdOf } from "../../shared/ids.ts";
import { drawn, randomFrom, seedFor, shuffled } from "../../shared/random.ts";

const identity = fc.record({ sampleId: fc.string(), index: fc.nat(), model: fc.string(), seed: fc.nat() });

test("canonical JSON says the same value whatever the order of fields", () => {
  const shuffledFields = (value: Record<string, unknown>) => Object.fromEntries(Object.entries(value).reverse());
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      assert.equal(canonicalJson(shuffledFields(value)), canonicalJson(value));
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("candidate ids are equal exactly when everything that made the answer is", () => {
  fc.assert(
    fc.property(identity, identity, (one, other) => {
      assert.equal(candidateIdOf(one), candidateIdOf({ ...one }));
      assert.equal(candidateIdOf(one) === candidateIdOf(other), canonicalJson(one) === canonicalJson(other));
    }),
  );
});

test("sample ids depend on the image, the question and the row and on nothing else", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (imageSha256, question, row) => {
      const id = sampleIdOf({ imageSha256, question });
      assert.equal(id, sampleIdOf({ imageSha256, question, row: undefined }));
      assert.notEqual(id, sampleIdOf({ imageSha256, question, row }));
      assert.notEqual(id, sampleIdOf({ imageSha256, question: `${question}?` }));
      assert.match(id, /^smp_[0-9a-f]{16}$/);
    }),
  );
});

test("claims of one answer have different ids", () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(), fc.nat(), (id, one, other) =>
      assert.equal(claimIdOf(id, one) === claimIdOf(id, other), one === other),
    ),
  );
});

test("facts that only look alike when joined have different hashes and seeds", () => {
  assert.notEqual(contentHash(["a", "bc"]), contentHash(["ab", "c"]));
  assert.notEqual(seedFor("a", "1"), seedFor("a", 1));
});

test("drawing keeps the order, takes no item twice and depends on the seed only", () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), fc.nat({ max: 20 }), fc.nat(), (values, count, seed) => {
      const items = values.map((value, at) => ({ value, at }));
      const kept = drawn(items, count, randomFrom(seed));
      assert.equal(kept.length, Math.min(count, items.length));
      assert.ok(kept.every((item, at) => at === 0 || kept[at - 1]!.at < item.at));
      assert.deepEqual(kept, drawn(items, count, randomFrom(seed)));
      assert.deepEqual(
        shuffled(items, randomFrom(seed)).sort((a, b) => a.at - b.at),
        items,
      );
    }),
  );
});
