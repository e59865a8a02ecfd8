import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Ledger } from "../../shared/ports/state-store.ts";
import type { WithStore } from "./state-store.ts";

const LEASE = 1000;

export function ledgerContract(within: WithStore): void {
  test(
    "opens an account, and changes its budget without touching what is spent",
    within(async ({ ledger }) => {
      assert.equal(await ledger.read("r"), undefined);
      assert.deepEqual(await ledger.open("r", 100), account(100, 0, 0));
      await reserve(ledger, "a", 60);
      await ledger.settle("r", "a", 50);
      await reserve(ledger, "b", 30);
      assert.deepEqual(await ledger.open("r", 40), account(40, 30, 50));
      assert.deepEqual(await reserve(ledger, "c", 1), { outcome: "over_budget", missingMicros: 41 });
      assert.deepEqual(await ledger.open("r", 90), account(90, 30, 50));
      assert.deepEqual(await reserve(ledger, "c", 10), { outcome: "reserved" });
      assert.deepEqual(await ledger.read("r"), account(90, 40, 50));
    }),
  );

  test(
    "reserves up to the budget and not a millionth more",
    within(async ({ ledger }) => {
      await ledger.open("r", 100);
      assert.deepEqual(await reserve(ledger, "a", 100), { outcome: "reserved" });
      assert.deepEqual(await reserve(ledger, "b", 0), { outcome: "reserved" });
      assert.deepEqual(await reserve(ledger, "c", 1), { outcome: "over_budget", missingMicros: 1 });
      assert.deepEqual(await ledger.read("r"), account(100, 100, 0));
    }),
  );

  test(
    "knows a reservation by its id: repeating it changes nothing",
    within(async ({ ledger }) => {
      await ledger.open("r", 100);
      await reserve(ledger, "a", 60);
      assert.deepEqual(await reserve(ledger, "a", 60), { outcome: "already_reserved" });
      assert.deepEqual(await reserve(ledger, "a", 100), { outcome: "already_reserved" });
      await ledger.settle("r", "a", 60);
      assert.deepEqual(await reserve(ledger, "a", 10), { outcome: "already_closed" });
      assert.deepEqual(await ledger.read("r"), account(100, 0, 60));
    }),
  );

  test(
    "settles once, at most what was reserved, and tells what is above it",
    within(async ({ ledger }) => {
      await ledger.open("r", 100);
      await reserve(ledger, "a", 60);
      await reserve(ledger, "b", 40);
      assert.deepEqual(await ledger.settle("r", "a", 45), { outcome: "settled", cappedMicros: 0 });
      assert.deepEqual(await ledger.settle("r", "a", 45), { outcome: "already_closed", cappedMicros: 0 });
      assert.deepEqual(await ledger.settle("r", "b", 70), { outcome: "settled", cappedMicros: 30 });
      assert.deepEqual(await ledger.settle("r", "b", 70), { outcome: "already_closed", cappedMicros: 30 });
      assert.deepEqual(await ledger.release("r", "b"), { outcome: "already_closed" });
      assert.deepEqual(await ledger.read("r"), account(100, 0, 85));
    }),
  );

  test(
    "releases once; a cost that comes after it is reported, not booked",
    within(async ({ ledger }) => {
      await ledger.open("r", 100);
      await reserve(ledger, "a", 60);
      assert.deepEqual(await ledger.release("r", "a"), { outcome: "released" });
      assert.deepEqual(await ledger.release("r", "a"), { outcome: "already_closed" });
      assert.deepEqual(await ledger.settle("r", "a", 20), { outcome: "already_closed", cappedMicros: 20 });
      assert.deepEqual(await ledger.read("r"), account(100, 0, 0));
    }),
  );

  test(
    "releases reservations whose lease has ended, and only those",
    within(async ({ ledger }) => {
      await ledger.open("r", 100);
      await reserve(ledger, "late", 10, 300);
      await reserve(ledger, "early", 20, 100);
      await reserve(ledger, "edge", 5, 200);
      await reserve(ledger, "settled", 30, 100);
      await ledger.settle("r", "settled", 30);
      assert.deepEqual(await ledger.releaseExpired(200), ["early", "edge"]);
      assert.deepEqual(await ledger.releaseExpired(200), []);
      assert.deepEqual(await ledger.read("r"), account(100, 10, 30));
    }),
  );

  test(
    "keeps the accounts of two runs apart, also under the same reservation id",
    within(async ({ ledger }) => {
      await ledger.open("r", 100);
      await ledger.open("s", 10);
      await reserve(ledger, "a", 80);
      const other = await ledger.reserve({ runId: "s", reservationId: "a", micros: 11, leaseUntil: LEASE });
      assert.deepEqual(other, { outcome: "over_budget", missingMicros: 1 });
      assert.deepEqual(await ledger.read("s"), { ...account(10, 0, 0), runId: "s" });
    }),
  );

  test(
    "refuses unknown accounts, unknown reservations and amounts that are no money; others go on",
    within(async ({ ledger }) => {
      await ledger.open("r", 100);
      const results = await Promise.allSettled([
        ledger.reserve({ runId: "nobody", reservationId: "a", micros: 1, leaseUntil: LEASE }),
        reserve(ledger, "a", 10),
        ledger.settle("r", "unknown", 1),
        ledger.release("r", "unknown"),
        reserve(ledger, "b", -1),
        reserve(ledger, "c", 0.5),
        ledger.settle("r", "a", Number.NaN),
        ledger.open("r", -5),
        reserve(ledger, "d", 1, Number.NaN),
      ]);
      const told = results.map((result) => (result.status === "fulfilled" ? result.value : String(result.reason)));
      assert.deepEqual(told[1], { outcome: "reserved" });
      const expected = [
        /"nobody" has no ledger account/,
        /./,
        /no reservation "unknown"/,
        /no reservation "unknown"/,
        /micros -1/,
        /micros 0.5/,
        /micros NaN/,
        /budgetMicros -5/,
        /leaseUntil NaN/,
      ];
      for (const [index, pattern] of expected.entries()) if (index !== 1) assert.match(String(told[index]), pattern);
      assert.deepEqual(await ledger.read("r"), account(100, 10, 0));
    }),
  );

  test(
    "never reserves more than the budget in 10,000 concurrent calls",
    within(async ({ ledger }) => {
      await ledger.open("r", 33_333);
      const calls = Array.from({ length: 10_000 }, (_, i) => reserve(ledger, `res-${i % 8000}`, 7));
      const outcomes = (await Promise.all(calls)).map(({ outcome }) => outcome);
      const reserved = outcomes.filter((outcome) => outcome === "reserved").length;
      assert.equal(reserved, Math.floor(33_333 / 7));
      assert.deepEqual(await ledger.read("r"), account(33_333, reserved * 7, 0));
    }),
  );

  test(
    "keeps settled + reserved within the budget and loses no millionth, whatever is called when",
    within(async ({ ledger }) => {
      let round = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(command(), { minLength: 1, maxLength: 8 }), { maxLength: 8 }),
          async (bursts) => {
            await checkConservation(ledger, `run-${round++}`, bursts);
          },
        ),
        { numRuns: 60 },
      );
    }),
  );
}

type Command =
  | { kind: "open"; micros: number }
  | { kind: "reserve"; id: string; micros: number; leaseUntil: number }
  | { kind: "settle"; id: string; micros: number }
  | { kind: "release"; id: string }
  | { kind: "expire"; now: number };

function command(): fc.Arbitrary<Command> {
  const [id, micros] = [fc.constantFrom("a", "b", "c", "d", "e"), fc.nat(60)];
  return fc.oneof(
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("open" as const), micros: fc.nat(120) }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("reserve" as const), id, micros, leaseUntil: fc.nat(9) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("settle" as const), id, micros }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("release" as const), id }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("expire" as const), now: fc.nat(9) }) },
  );
}

/** Runs bursts of concurrent calls and books every outcome by hand; after each burst the account must agree. */
async function checkConservation(ledger: Ledger, runId: string, bursts: readonly Command[][]): Promise<void> {
  const book: Book = { open: new Map(), settled: 0 };
  let highestBudget = 100;
  await ledger.open(runId, highestBudget);
  for (const burst of bursts) {
    highestBudget = Math.max(highestBudget, ...burst.map((item) => (item.kind === "open" ? item.micros : 0)));
    const entries = (await Promise.all(burst.map((item) => perform(ledger, runId, item)))).flat();
    bookAll(book, entries);
    const row = await ledger.read(runId);
    assert.ok(row && row.settledMicros + row.reservedMicros <= highestBudget, "within the highest budget so far");
    assert.deepEqual([row.settledMicros, row.reservedMicros], [book.settled, sumOf(book.open.values())]);
  }
}

type Book = { open: Map<string, number>; settled: number };
type Entry = { kind: "reserved"; id: string; micros: number } | { kind: "closed"; id: string; spent: number };

/** A settle may overtake its reserve within a burst: reservations first. */
function bookAll(book: Book, entries: readonly Entry[]): void {
  for (const entry of entries) if (entry.kind === "reserved") book.open.set(entry.id, entry.micros);
  for (const entry of entries) {
    if (entry.kind !== "closed") continue;
    assert.ok(book.open.delete(entry.id), `${entry.id} is closed once, after it was reserved`);
    book.settled += entry.spent;
  }
}

function sumOf(amounts: Iterable<number>): number {
  return [...amounts].reduce((sum, amount) => sum + amount, 0);
}

/** Ids carry the run, because expired leases are told by their id alone. */
async function perform(ledger: Ledger, runId: string, item: Command): Promise<Entry[]> {
  switch (item.kind) {
    case "open":
      await ledger.open(runId, item.micros);
      return [];
    case "reserve": {
      const reservationId = `${runId}/${item.id}`;
      const { outcome } = await ledger.reserve({ ...item, runId, reservationId });
      return outcome === "reserved" ? [{ kind: "reserved", id: reservationId, micros: item.micros }] : [];
    }
    case "settle": {
      const id = `${runId}/${item.id}`;
      const told = await ledger.settle(runId, id, item.micros).catch(ifUnknown);
      return told?.outcome === "settled" ? [{ kind: "closed", id, spent: item.micros - told.cappedMicros }] : [];
    }
    case "release": {
      const id = `${runId}/${item.id}`;
      const told = await ledger.release(runId, id).catch(ifUnknown);
      return told?.outcome === "released" ? [{ kind: "closed", id, spent: 0 }] : [];
    }
    case "expire": {
      const ids = await ledger.releaseExpired(item.now);
      return ids.filter((id) => id.startsWith(`${runId}/`)).map((id) => ({ kind: "closed", id, spent: 0 }));
    }
  }
}

function ifUnknown(error: Error): undefined {
  assert.match(error.message, /has no reservation/);
}

function account(budgetMicros: number, reservedMicros: number, settledMicros: number) {
  return { runId: "r", budgetMicros, reservedMicros, settledMicros };
}

function reserve(ledger: Ledger, reservationId: string, micros: number, leaseUntil = LEASE) {
  return ledger.reserve({ runId: "r", reservationId, micros, leaseUntil });
}
