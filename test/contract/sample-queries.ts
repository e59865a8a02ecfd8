import assert from "node:assert/strict";
import { test } from "node:test";
import type { SampleStore } from "../../shared/ports/state-store.ts";
import { type SampleRow, SampleState } from "../../shared/schemas/rows.ts";
import { forward, PASS, RUN, sampleRow } from "./sample-rows.ts";
import type { WithStore } from "./state-store.ts";

export function sampleQueriesContract(within: WithStore): void {
  test(
    "pages through samples in the order of their ids' bytes",
    within(async ({ samples }) => {
      const ids = ["ä", "z", "Z", "🙂", "\ufb01", "\ue000", "a-", "a", "a/", "０", "10", "2"];
      await samples.createMany(ids.map((sampleId) => sampleRow({ sampleId })));
      const expected = [...ids].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.deepEqual(await allIds(samples, { limit: 1 }), expected);
      assert.deepEqual(await allIds(samples, { limit: 4 }), expected);
      assert.deepEqual(await allIds(samples, { limit: ids.length }), expected);
      assert.deepEqual(await allIds(samples, { limit: 1000 }), expected);
    }),
  );

  test(
    "filters by state, by shard and by both",
    within(async ({ samples }) => {
      const rows = Array.from({ length: 12 }, (_, i) =>
        sampleRow({ sampleId: `s${i % 10}${i}`, shardId: `shard-${i % 3}` }),
      );
      await samples.createMany(rows);
      const movedIds = rows.filter((_, i) => i % 2 === 0).map(({ sampleId }) => sampleId);
      await samples.move(
        RUN,
        PASS,
        movedIds.map((id) => forward(id)),
      );
      const idsWhere = (keep: (row: SampleRow) => boolean) =>
        rows
          .filter(keep)
          .map(({ sampleId }) => sampleId)
          .sort();
      const isMoved = ({ sampleId }: SampleRow) => movedIds.includes(sampleId);
      assert.deepEqual(await allIds(samples, { limit: 2, state: "generated" }), idsWhere(isMoved));
      assert.deepEqual(
        await allIds(samples, { limit: 2, shardId: "shard-1" }),
        idsWhere((row) => row.shardId === "shard-1"),
      );
      assert.deepEqual(
        await allIds(samples, { limit: 2, shardId: "shard-1", state: "submitted" }),
        idsWhere((row) => row.shardId === "shard-1" && !isMoved(row)),
      );
      assert.deepEqual(await allIds(samples, { limit: 2, shardId: "nowhere" }), []);
      assert.deepEqual(await allIds(samples, { limit: 2, passId: "2.train" }), []);
    }),
  );

  test(
    "gives every sample of a state exactly once while those already given move on",
    within(async ({ samples }) => {
      const ids = Array.from({ length: 95 }, (_, i) => `smp_${(i * 37) % 95}`);
      await samples.createMany(ids.map((sampleId) => sampleRow({ sampleId })));
      const seen: string[] = [];
      await eachPage(samples, { limit: 10, state: "submitted" }, async (page) => {
        seen.push(...page.map(({ sampleId }) => sampleId));
        await samples.move(
          RUN,
          PASS,
          page.map(({ sampleId }) => forward(sampleId)),
        );
      });
      assert.deepEqual(seen, [...ids].sort());
      assert.equal((await samples.count(RUN, PASS)).generated, 95);
    }),
  );

  test(
    "counts every state, also those without samples",
    within(async ({ samples }) => {
      await samples.createMany(["a", "b", "c", "d"].map((sampleId) => sampleRow({ sampleId })));
      await samples.move(RUN, PASS, [forward("a"), forward("b"), { ...forward("c"), to: "parked", reason: "x" }]);
      const none = Object.fromEntries(SampleState.options.map((state) => [state, 0]));
      assert.deepEqual(await samples.count(RUN, PASS), { ...none, submitted: 1, generated: 2, parked: 1 });
      assert.deepEqual(await samples.count(RUN, "9.train"), none);
    }),
  );
}

type Filter = Omit<Parameters<SampleStore["query"]>[0], "runId" | "passId"> & { passId?: string };

async function eachPage(
  samples: SampleStore,
  filter: Filter,
  visit: (page: SampleRow[]) => Promise<void>,
): Promise<void> {
  let cursor: string | undefined;
  do {
    const page = await samples.query({
      runId: RUN,
      passId: PASS,
      ...filter,
      ...(cursor === undefined ? {} : { cursor }),
    });
    assert.ok(page.items.length <= filter.limit);
    await visit(page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
}

async function allIds(samples: SampleStore, filter: Filter): Promise<string[]> {
  const ids: string[] = [];
  await eachPage(samples, filter, async (page) => {
    ids.push(...page.map(({ sampleId }) => sampleId));
  });
  return ids;
}
