/** Lists over several partitions, without a table: a server of arrays answers the queries. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Item } from "../../functions/adapters/dynamo/items.ts";
import { mergedPage } from "../../functions/adapters/dynamo/merged.ts";
import type { Range } from "../../functions/adapters/dynamo/ranges.ts";
import type { TableRows } from "../../functions/adapters/dynamo/table-rows.ts";
import { compareUtf8 } from "../../functions/adapters/paging.ts";

/** Answers as Query does: at most `limit` rows looked at, then the filter. */
function tableOf(items: readonly Item[]): { rows: TableRows; queries: () => number } {
  let queries = 0;
  const sorted = Map.groupBy(
    items.toSorted((a, b) => compareUtf8(a.sk, b.sk)),
    ({ pk }) => pk,
  );
  async function query({ pk, after = "", limit = 1000, where }: Range) {
    queries++;
    const all = sorted.get(pk) ?? [];
    const from = all.findIndex(({ sk }) => sk > after);
    const looked = from === -1 ? [] : all.slice(from, from + limit);
    const last = looked.at(-1);
    const kept = looked.filter((item) => where === undefined || item[where.name] === where.value);
    return { items: kept, ...(last !== undefined && looked.length === limit ? { through: last.sk } : {}) };
  }
  return { rows: { query } as unknown as TableRows, queries: () => queries };
}

const partitions = ["p0", "p1", "p2"];

test("pages over partitions give every row once and in order, wherever it lies", async () => {
  const places = fc.uniqueArray(fc.record({ at: fc.nat(400), part: fc.nat(2) }), {
    selector: ({ at }) => at,
    maxLength: 60,
  });
  await fc.assert(
    fc.asyncProperty(places, fc.integer({ min: 1, max: 20 }), async (rows, want) => {
      const items = rows.map(({ at, part }) => ({ pk: `p${part}`, sk: `s${String(at).padStart(3, "0")}` }));
      const { rows: table } = tableOf(items);
      const seen: string[] = [];
      for (let after: string | undefined; ; ) {
        const { found } = await mergedPage(table, { partitions, after, want, read: (page) => page });
        seen.push(...found.map(({ sk }) => sk));
        if (found.length < want) break;
        after = found.at(-1)?.sk;
      }
      assert.deepEqual(seen, items.map(({ sk }) => sk).sort());
    }),
  );
});

test("a page of a rare state stops after a bounded number of queries, and the next goes on where it stopped", async () => {
  const items = Array.from({ length: 300_000 }, (_, at) => ({
    pk: `p${at % 3}`,
    sk: `s${String(at).padStart(6, "0")}`,
    state: at === 299_999 || at === 5 ? "rare" : "common",
  }));
  const { rows, queries } = tableOf(items);
  const asked = { partitions, want: 10, where: { name: "state", value: "rare" }, read: (page: Item[]) => page };
  const first = await mergedPage(rows, { ...asked, after: undefined });
  assert.deepEqual([first.found.map(({ sk }) => sk), first.stoppedAt, queries()], [["s000005"], "s257997", 258]);
  const second = await mergedPage(rows, { ...asked, after: first.stoppedAt });
  assert.deepEqual([second.found.map(({ sk }) => sk), second.stoppedAt], [["s299999"], undefined]);
});
