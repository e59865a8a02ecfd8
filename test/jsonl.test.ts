import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeLines, readLines, readPointed } from "../shared/jsonl.ts";

const records = fc.array(
  fc.record(
    { text: fc.string({ unit: "grapheme", maxLength: 40 }), of: fc.option(fc.nat()) },
    { noNullPrototype: true },
  ),
  {
    maxLength: 12,
  },
);

/** A store that gives its one file in pieces of these sizes, over and over. */
const inPieces = (bytes: Uint8Array, sizes: readonly number[]) => ({
  async *stream() {
    for (let start = 0, turn = 0; start < bytes.length; turn++) {
      const size = sizes[turn % sizes.length]!;
      yield bytes.subarray(start, start + size);
      start += size;
    }
  },
});

test("every record comes back with the place of its line, wherever the file is cut into pieces", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(records, sizes, async (all, pieces) => {
      const { bytes, pointers } = encodeLines("some/key", all);
      const read = [];
      for await (const line of readPointed(inPieces(bytes, pieces), "some/key")) read.push(line);
      assert.deepEqual(
        read,
        all.map((record, at) => ({ record, pointer: pointers[at] })),
      );
    }),
  );
});

test("a last line without a line end is read, empty lines are not", async () => {
  const bytes = new TextEncoder().encode('{"a":1}\n\n  \r\n{"b":2}');
  const read = [];
  for await (const record of readLines(inPieces(bytes, [5]), "x")) read.push(record);
  assert.deepEqual(read, [{ a: 1 }, { b: 2 }]);
});
