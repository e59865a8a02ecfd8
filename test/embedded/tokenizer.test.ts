import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decode, encode, pieceOf, VOCABULARY } from "../../functions/embedded/model/tokenizer.ts";

const textTokens = fc.array(fc.integer({ min: 4, max: VOCABULARY.length - 1 }), { maxLength: 60 });

test("any tokens, nonsense too, are the same tokens again after a detour through text", () => {
  fc.assert(
    fc.property(textTokens, (ids) => assert.deepEqual(encode(decode(ids)), { ids, unknown: [] })),
    { numRuns: 500 },
  );
});

test("the pieces of a text joined are the text", () => {
  fc.assert(
    fc.property(textTokens, (ids) => assert.equal(ids.map((id, i) => pieceOf(id, ids[i - 1])).join(""), decode(ids))),
  );
});

test("text reads as plain English", () => {
  const { ids } = encode("there are two dogs . a dog is on the left .");
  assert.equal(decode(ids), "There are two dogs. A dog is on the left.");
});

test("words that the model never saw are told, not guessed", () => {
  assert.deepEqual(encode("There is a zebra."), { ids: encode("There is a.").ids, unknown: ["zebra"] });
});
