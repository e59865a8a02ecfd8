import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SampleItem, SampleView } from "../../functions/api/contract/samples.ts";
import { Pair } from "../../shared/schemas/pair.ts";
import { BACKENDS, openTestApi, problemIn, type TestApi } from "../support/api.ts";
import { conforming } from "../support/conforming.ts";
import { finishedRun, testConfig } from "../support/scored-run.ts";

type Page<T> = { items: T[]; next_cursor: string | null };

/** Every item of every page, and the cursors that led there. */
async function allPages<T>(
  api: TestApi,
  path: string,
  parse: (item: unknown) => T,
): Promise<{ items: T[]; cursors: string[] }> {
  const [items, cursors]: [T[], string[]] = [[], []];
  for (let cursor = ""; ; ) {
    const response = await api.request(`${path}${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`);
    const page = (await response.json()) as Page<unknown>;
    assert.equal(response.status, 200, JSON.stringify(page));
    items.push(...page.items.map(parse));
    if (page.next_cursor === null) return { items, cursors };
    cursor = page.next_cursor;
    cursors.push(cursor);
  }
}

const limits = fc.integer({ min: 1, max: 30 });

for (const backend of BACKENDS) {
  test(`${backend}: all pages of samples together are every sample once, in any state, with any limit`, async () => {
    await using api = await openTestApi(backend);
    const { runId } = await finishedRun(23, api.deps);
    const pages = (limit: number, filter: string) =>
      allPages(api, `/v1/runs/${runId}/samples?limit=${limit}${filter}`, (item) => SampleItem.parse(item));
    const { items: all } = await pages(500, "");
    assert.deepEqual([all.length, new Set(all.map(({ id }) => id)).size], [23, 23]);
    await fc.assert(
      fc.asyncProperty(limits, fc.constantFrom(...["paired", "unpaired", "parked", "scored"]), async (limit, state) => {
        assert.deepEqual((await pages(limit, "")).items, all);
        assert.deepEqual(
          (await pages(limit, `&state=${state}`)).items,
          all.filter((one) => one.state === state),
        );
      }),
      { numRuns: 12 },
    );
  });

  test(`${backend}: the verdict filter loses nothing, whatever the limit`, async () => {
    await using api = await openTestApi(backend);
    const { runId } = await finishedRun(23, api.deps);
    const pages = (limit: number, verdict: string) =>
      allPages(api, `/v1/runs/${runId}/samples?limit=${limit}&verdict=${verdict}`, (item) => SampleItem.parse(item));
    const { items: all } = await allPages(api, `/v1/runs/${runId}/samples?limit=500`, (item) => SampleItem.parse(item));
    await fc.assert(
      fc.asyncProperty(limits, async (limit) => {
        assert.deepEqual(
          (await pages(limit, "rejected")).items,
          all.filter(({ claims }) => claims.rejected > 0),
        );
        assert.deepEqual((await pages(limit, "abstained")).items, []);
      }),
      { numRuns: 8 },
    );
  });

  test(`${backend}: all pages of pairs together are every pair once, with any limit`, async () => {
    await using api = await openTestApi(backend);
    const { runId } = await finishedRun(40, api.deps);
    const pages = (limit: number) =>
      allPages(api, `/v1/runs/${runId}/pairs?limit=${limit}`, (item) => Pair.parse(item));
    const { items: all } = await pages(500);
    const first = (await (await api.request(`/v1/runs/${runId}/pairs`)).json()) as { total: number; round: number };
    assert.deepEqual(
      [first.total, first.round, new Set(all.map(({ pairId }) => pairId)).size],
      [all.length, 1, all.length],
    );
    await fc.assert(
      fc.asyncProperty(limits, async (limit) => assert.deepEqual((await pages(limit)).items, all)),
      { numRuns: 8 },
    );
  });

  test(`${backend}: a sample tells its answers, claims, verdicts and pairs, and why in one sentence`, async () => {
    await using api = await openTestApi(backend);
    const { runId } = await finishedRun(10, api.deps);
    const { items } = await allPages(api, `/v1/runs/${runId}/samples?limit=500`, (item) => SampleItem.parse(item));
    const told = new Map<number, SampleView>();
    for (const { id } of items) {
      const sample = await conforming(SampleView, await api.request(`/v1/runs/${runId}/samples/${id}`), 200);
      told.set(Number(sample.metadata["index"]), sample);
    }
    const paired = told.get(0)!;
    assert.deepEqual([paired.answers.map(({ score }) => score), paired.pairs.length], [[0, -2, -1, 0], 2]);
    assert.match(paired.why, /^2 pairs: \d rejected claims? of 4 against \d of 4; /);
    assert.deepEqual(paired.answers[1]?.claims[0]?.labels, [{ p_yes: 0.1, p_no: 0.9 }]);
    assert.equal(told.get(1)?.why, "No pair: all 4 usable answers have the same number of rejected claims (1).");
    assert.equal(told.get(3)?.why, "No pair: 1 of 2 answers has claims that can be trusted, and a pair needs two.");
    assert.equal(told.get(4)?.why, "No pair: the sample is parked (the labeler gave no reply).");
  });
}

test("the pairs of every sample are those of the round's file, however large it is", async () => {
  await using api = await openTestApi();
  const { runId } = await finishedRun(300, api.deps);
  const { items: pairs } = await allPages(api, `/v1/runs/${runId}/pairs?limit=500`, (item) => Pair.parse(item));
  const bySample = Map.groupBy(pairs, ({ sampleId }) => sampleId);
  assert.ok(bySample.size > 50);
  for (const [sampleId, own] of bySample) {
    const sample = SampleView.parse(await (await api.request(`/v1/runs/${runId}/samples/${sampleId}`)).json());
    assert.deepEqual(
      sample.pairs.map(({ pair_id }) => pair_id),
      own.map(({ pairId }) => pairId),
    );
  }
});

test("a sample whose pairs the round's balance took out says so", async () => {
  await using api = await openTestApi();
  // With this surplus wanted, pairs of equally long sides stray ever further from it and are left out.
  const config = testConfig({ pair: { balance: false, meanWordSurplus: 50 } });
  const { runId } = await finishedRun(5, api.deps, config);
  const { items } = await allPages(api, `/v1/runs/${runId}/samples?state=unpaired`, (item) => SampleItem.parse(item));
  const whys = [];
  for (const { id } of items)
    whys.push(((await (await api.request(`/v1/runs/${runId}/samples/${id}`)).json()) as SampleView).why);
  assert.ok(
    whys.includes("No pair: 2 pairs could be made, and the round's balance of lengths took all of them out."),
    whys.join("\n"),
  );
});

test("answers that fit no rule of the config are told by the rule", async () => {
  await using api = await openTestApi();
  const config = testConfig({ pair: { balance: false, minScoreGap: 4 } });
  const { runId } = await finishedRun(1, api.deps, config);
  const { items } = await allPages(api, `/v1/runs/${runId}/samples?limit=9`, (item) => SampleItem.parse(item));
  const sample = (await (await api.request(`/v1/runs/${runId}/samples/${items[0]!.id}`)).json()) as SampleView;
  assert.equal(sample.why, "No pair: no two answers are 4 rejected claims apart, the least that is asked.");
});

test("unknown runs, passes, samples and rounds are each refused by name", async () => {
  await using api = await openTestApi();
  const { runId } = await finishedRun(3, api.deps);
  const codes = [];
  for (const path of [
    "nobody/samples",
    `${runId}/samples?pass=9.train`,
    `${runId}/samples/smp_0`,
    `${runId}/pairs?round=7`,
  ]) {
    codes.push((await problemIn(api.request(`/v1/runs/${path}`))).code);
  }
  assert.deepEqual(codes, ["run.not_found", "pass.not_found", "sample.not_found", "round.not_found"]);
  const bad = await problemIn(api.request(`/v1/runs/${runId}/samples?pass=last&limit=0&state=done`));
  assert.deepEqual(bad.errors?.map(({ field }) => field).sort(), ["query.limit", "query.pass", "query.state"]);
});

test("hostile ids and cursors are refused and never a fault", async () => {
  await using api = await openTestApi();
  const { runId } = await finishedRun(9, api.deps);
  const hostile = fc.oneof(
    fc.string({ minLength: 1 }),
    fc.constantFrom("../../etc/passwd", "1-7", "1-999999999", "2-0", "0-0", "-1", "%00", "W10", "[]", "null", "ZWlu"),
    fc.json().map((text) => Buffer.from(text).toString("base64url")),
  );
  await fc.assert(
    fc.asyncProperty(hostile, async (text) => {
      const part = encodeURIComponent(text);
      if (part === "." || part === "..") return; // the URL itself swallows these
      for (const path of [`${part}`, `${runId}/samples/${part}`]) {
        assert.equal((await api.request(`/v1/runs/${path}`)).status, 404);
      }
      for (const path of [
        `/v1/runs?cursor=${part}`,
        ...["samples", "pairs"].map((kind) => `/v1/runs/${runId}/${kind}?cursor=${part}`),
      ]) {
        const answer = await api.request(path);
        assert.ok([200, 400].includes(answer.status), `${path}: ${answer.status}`);
        if (answer.status === 400) assert.equal((await problemIn(answer)).code, "page.cursor");
      }
    }),
    { numRuns: 60 },
  );
  assert.deepEqual(api.faults, []);
});

test("a cursor of pairs points at the beginning of a line, or is none", async () => {
  await using api = await openTestApi();
  const { runId } = await finishedRun(9, api.deps);
  const { cursors } = await allPages(api, `/v1/runs/${runId}/pairs?limit=1`, (item) => Pair.parse(item));
  const [round, offset] = cursors[0]!.split("-").map(Number);
  for (const cursor of [`${round}-${offset! + 1}`, `${round! + 1}-0`]) {
    const { code, status } = await problemIn(api.request(`/v1/runs/${runId}/pairs?round=1&cursor=${cursor}`));
    assert.deepEqual([code, status], ["page.cursor", 400]);
  }
});
