import assert from "node:assert/strict";
import { test } from "node:test";
import type { WithStore } from "./state-store.ts";

export function repliesContract(within: WithStore): void {
  test(
    "gives the replies of those keys that have one",
    within(async ({ replies }) => {
      await replies.putMany([
        { key: "a", reply: '{"text":"ein Hund 🐕"}' },
        { key: "b", reply: "" },
      ]);
      assert.deepEqual(
        await replies.getMany(["b", "unknown", "a", "a"]),
        new Map([
          ["b", ""],
          ["a", '{"text":"ein Hund 🐕"}'],
        ]),
      );
      assert.deepEqual(await replies.getMany([]), new Map());
    }),
  );

  test(
    "keeps the first reply to a request",
    within(async ({ replies }) => {
      await replies.putMany([
        { key: "a", reply: "first" },
        { key: "a", reply: "second" },
      ]);
      await Promise.all([
        replies.putMany([{ key: "a", reply: "third" }]),
        replies.putMany([{ key: "a", reply: "fourth" }]),
      ]);
      assert.deepEqual(await replies.getMany(["a"]), new Map([["a", "first"]]));
    }),
  );

  test(
    "keeps a reply of five million characters",
    within(async ({ replies }) => {
      const reply = "claim ✓ ".repeat(625_000);
      await replies.putMany([{ key: "big", reply }]);
      assert.equal((await replies.getMany(["big"])).get("big"), reply);
    }),
  );

  test(
    "takes 10,000 concurrent calls",
    within(async ({ replies }) => {
      const keys = Array.from({ length: 10_000 }, (_, i) => `key-${i % 5000}`);
      await Promise.all(keys.map((key, i) => replies.putMany([{ key, reply: `${i}` }])));
      const found = await replies.getMany(keys);
      assert.equal(found.size, 5000);
      assert.equal((await replies.getMany(["key-7"])).size, 1);
    }),
  );
}
