import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type SampleMove, SampleRow, type SampleState } from "../../shared/schemas/rows.ts";
import { forward, PASS, RUN, sampleRow } from "./sample-rows.ts";
import type { WithStore } from "./state-store.ts";

export function samplesContract(within: WithStore): void {
  test(
    "gives a sample back as it was written",
    within(async ({ samples }) => {
      const plain = sampleRow({});
      const odd = sampleRow({
        sampleId: "smp_ü🙂'\"",
        state: "parked",
        attempt: 3,
        reason: `${"画".repeat(100_000)}\n'`,
      });
      assert.deepEqual(await samples.createMany([plain, odd]), { written: 2 });
      assert.deepEqual(SampleRow.parse(await samples.get(RUN, PASS, plain.sampleId)), plain);
      assert.deepEqual(SampleRow.parse(await samples.get(RUN, PASS, odd.sampleId)), odd);
      assert.equal(await samples.get(RUN, "2.train", plain.sampleId), undefined);
      assert.equal(await samples.get("nobody", PASS, plain.sampleId), undefined);
    }),
  );

  test(
    "creates each sample once and leaves those that are there as they are",
    within(async ({ samples }) => {
      const rows = [
        sampleRow({ sampleId: "a" }),
        sampleRow({ sampleId: "a", shardId: "other" }),
        sampleRow({ sampleId: "b" }),
      ];
      assert.deepEqual(await samples.createMany(rows), { written: 2 });
      await samples.move(RUN, PASS, [forward("a")]);
      assert.deepEqual(await samples.createMany([...rows, sampleRow({ sampleId: "c" })]), { written: 1 });
      assert.equal((await samples.get(RUN, PASS, "a"))?.state, "generated");
      assert.equal((await samples.get(RUN, PASS, "a"))?.shardId, "shard-0");
      assert.deepEqual(await samples.createMany([]), { written: 0 });
    }),
  );

  test(
    "keeps the same sample of two passes and of two runs apart",
    within(async ({ samples }) => {
      const rows = [sampleRow({}), sampleRow({ passId: "1.evaluate" }), sampleRow({ runId: "run-b" })];
      assert.deepEqual(await samples.createMany(rows), { written: 3 });
      await samples.move(RUN, PASS, [forward("smp_0")]);
      const states = await Promise.all(rows.map((row) => samples.get(row.runId, row.passId, row.sampleId)));
      assert.deepEqual(
        states.map((row) => row?.state),
        ["generated", "submitted", "submitted"],
      );
    }),
  );

  test(
    "tells of each move, in order, what became of it",
    within(async ({ samples }) => {
      await samples.createMany(["a", "b", "c", "d"].map((sampleId) => sampleRow({ sampleId })));
      await samples.move(RUN, PASS, [forward("b"), { ...forward("c"), to: "parked", reason: "broken image" }]);
      const pointer = { key: "runs/a/generated/0.jsonl", offset: 7, length: 9 };
      const outcomes = await samples.move(RUN, PASS, [
        forward("nobody"),
        { ...forward("a"), pointer },
        forward("a"),
        forward("b"),
        forward("c"),
        { ...forward("d"), attempt: 1 },
      ]);
      assert.deepEqual(outcomes, [
        { sampleId: "nobody", outcome: "unknown_sample" },
        { sampleId: "a", outcome: "moved" },
        { sampleId: "a", outcome: "already_moved" },
        { sampleId: "b", outcome: "already_moved" },
        { sampleId: "c", outcome: "lost_condition" },
        { sampleId: "d", outcome: "lost_condition" },
      ]);
      assert.deepEqual(await samples.get(RUN, PASS, "a"), sampleRow({ sampleId: "a", state: "generated", pointer }));
      assert.deepEqual(
        await samples.get(RUN, PASS, "c"),
        sampleRow({ sampleId: "c", state: "parked", reason: "broken image" }),
      );
      assert.deepEqual(await samples.get(RUN, PASS, "d"), sampleRow({ sampleId: "d" }));
      assert.deepEqual(await samples.move("nobody", PASS, [forward("a")]), [
        { sampleId: "a", outcome: "unknown_sample" },
      ]);
    }),
  );

  test(
    "counts failed tries in a state, keeps the count of a parked sample, and starts a new state at 0",
    within(async ({ samples }) => {
      await samples.createMany([sampleRow({ sampleId: "a" }), sampleRow({ sampleId: "b" })]);
      const attemptOf = async (id: string) => (await samples.get(RUN, PASS, id))?.attempt;
      const retry = (sampleId: string, attempt: number): SampleMove => ({
        ...forward(sampleId),
        to: "submitted",
        attempt,
      });
      await samples.move(RUN, PASS, [retry("a", 0), retry("a", 1), retry("b", 0)]);
      assert.deepEqual([await attemptOf("a"), await attemptOf("b")], [2, 1]);
      const repeated = await samples.move(RUN, PASS, [retry("a", 1), forward("a")]);
      assert.deepEqual(
        repeated.map(({ outcome }) => outcome),
        ["already_moved", "lost_condition"],
      );
      await samples.move(RUN, PASS, [
        { ...forward("a"), attempt: 2, to: "parked", reason: "r" },
        { ...forward("b"), attempt: 1 },
      ]);
      assert.deepEqual([await attemptOf("a"), await attemptOf("b")], [2, 0]);
    }),
  );

  test(
    "moves each sample once, however many workers try at the same time",
    within(async ({ samples }) => {
      const ids = Array.from({ length: 20 }, (_, i) => `smp_${i}`);
      await samples.createMany(ids.map((sampleId) => sampleRow({ sampleId })));
      const tries = await Promise.all(
        Array.from({ length: 25 }, () =>
          samples.move(
            RUN,
            PASS,
            ids.map((id) => forward(id)),
          ),
        ),
      );
      const moved = tries
        .flat()
        .filter(({ outcome }) => outcome === "moved")
        .map(({ sampleId }) => sampleId);
      assert.deepEqual(moved.sort(), [...ids].sort());
    }),
  );

  test(
    "ends in the same rows when moves come twice or late",
    within(async ({ samples }) => {
      let round = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(anyMove(), { maxLength: 30 }), async (moves) => {
          const [once, repeated] = [`run-${round++}`, `run-${round++}`];
          const rowsOf = (runId: string) => ["a", "b"].map((sampleId) => sampleRow({ runId, sampleId }));
          await samples.createMany([...rowsOf(once), ...rowsOf(repeated)]);
          const applied: SampleMove[] = [];
          for (const move of moves) {
            await samples.move(once, PASS, [move]);
            const [first, again] = await samples.move(repeated, PASS, [move, move]);
            if (first?.outcome === "moved") applied.push(move);
            assert.notEqual(again?.outcome, "moved");
            await samples.move(repeated, PASS, applied);
            await samples.createMany(rowsOf(repeated));
          }
          for (const id of ["a", "b"]) {
            const row = await samples.get(repeated, PASS, id);
            assert.deepEqual({ ...row, runId: once }, await samples.get(once, PASS, id));
          }
        }),
        { numRuns: 40 },
      );
    }),
  );

  test(
    "takes 10,000 samples at once, and 10,000 moves in as many calls",
    within(async ({ samples }) => {
      const rows = Array.from({ length: 10_000 }, (_, i) =>
        sampleRow({ sampleId: `smp_${i}`, shardId: `shard-${i % 10}` }),
      );
      assert.deepEqual(await samples.createMany(rows), { written: 10_000 });
      const outcomes = await Promise.all(rows.map(({ sampleId }) => samples.move(RUN, PASS, [forward(sampleId)])));
      assert.ok(outcomes.every(([first]) => first?.outcome === "moved"));
      assert.equal((await samples.count(RUN, PASS)).generated, 10_000);
    }),
  );

  test(
    "keeps its rows when those given in or out are changed",
    within(async ({ samples }) => {
      const given = sampleRow({});
      await samples.createMany([given]);
      given.pointer.offset = 999;
      const read = await samples.get(RUN, PASS, given.sampleId);
      assert.ok(read);
      read.pointer.offset = 888;
      assert.deepEqual(await samples.get(RUN, PASS, given.sampleId), sampleRow({}));
    }),
  );
}

/** Moves of two samples forward through the life of a sample; many of them do not apply. */
function anyMove(): fc.Arbitrary<SampleMove> {
  const life = ["submitted", "generated", "divided", "questioned", "scored", "paired"] as const;
  return fc
    .record({ sampleId: fc.constantFrom("a", "b"), at: fc.nat(4), park: fc.boolean(), fast: fc.boolean() })
    .map(({ sampleId, at, park, fast }) => ({
      sampleId,
      from: life[fast ? 0 : at] as SampleState,
      attempt: 0,
      to: park ? "parked" : (life[(fast ? 0 : at) + 1] as SampleState),
      ...(park ? { reason: "why" } : {}),
    }));
}
