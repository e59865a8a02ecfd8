import assert from "node:assert/strict";
import { test } from "node:test";
import type { Amount, Ledger } from "../../shared/ports/ledger.ts";
import type { WithStore } from "./state-store.ts";

const LEASE = 1000;

export function ledgerContract(within: WithStore): void {
  reservingContract(within);
  spendingContract(within);
  endingContract(within);
  refusingContract(within);
}

function reservingContract(within: WithStore): void {
  test(
    "opens an account, and changes its budget without touching what is spent",
    within(async ({ ledger }) => {
      assert.equal(await ledger.read("r"), undefined);
      assert.deepEqual(await ledger.open("r", 100), row("r", 100, 0, 0));
      await reserve(ledger, "a", { r: 60 });
      await ledger.settle("a", amounts({ r: 50 }));
      await reserve(ledger, "b", { r: 30 });
      assert.deepEqual(await ledger.open("r", 40), row("r", 40, 30, 50));
      assert.deepEqual(await reserve(ledger, "c", { r: 1 }), { outcome: "short", account: "r", missing: 41 });
      assert.deepEqual(await ledger.open("r", 90), row("r", 90, 30, 50));
      assert.deepEqual(await reserve(ledger, "c", { r: 10 }), { outcome: "reserved" });
      assert.deepEqual(await ledger.read("r"), row("r", 90, 40, 50));
    }),
  );

  test(
    "reserves up to the budget and not one more, also up to the largest whole number",
    within(async ({ ledger }) => {
      await ledger.open("r", Number.MAX_SAFE_INTEGER);
      assert.deepEqual(await reserve(ledger, "a", { r: Number.MAX_SAFE_INTEGER - 1 }), { outcome: "reserved" });
      assert.deepEqual(await reserve(ledger, "b", { r: 0 }), { outcome: "reserved" });
      assert.deepEqual(await reserve(ledger, "c", { r: 2 }), { outcome: "short", account: "r", missing: 1 });
      assert.deepEqual(await reserve(ledger, "d", { r: 1 }), { outcome: "reserved" });
      await ledger.settle("a", amounts({ r: Number.MAX_SAFE_INTEGER - 1 }));
      const all = Number.MAX_SAFE_INTEGER;
      assert.deepEqual(await ledger.read("r"), row("r", all, 1, all - 1));
    }),
  );

  test(
    "reserves from several accounts or from none, and names the first that is short in the order given",
    within(async ({ ledger }) => {
      for (const [account, budget] of Object.entries({ x: 10, y: 5, z: 1 })) await ledger.open(account, budget);
      assert.deepEqual(await reserve(ledger, "a", { z: 1, y: 5, x: 10 }), { outcome: "reserved" });
      assert.deepEqual(await reserve(ledger, "b", { x: 0, y: 3, z: 1 }), {
        outcome: "short",
        account: "y",
        missing: 3,
      });
      assert.deepEqual(await reserve(ledger, "b", { z: 4, y: 3 }), { outcome: "short", account: "z", missing: 4 });
      assert.deepEqual(await read(ledger, "x", "y", "z"), [row("x", 10, 10, 0), row("y", 5, 5, 0), row("z", 1, 1, 0)]);
      assert.deepEqual(await ledger.settle("a", amounts({ y: 2, x: 10 })), { outcome: "settled", capped: [] });
      assert.deepEqual(await read(ledger, "x", "y", "z"), [row("x", 10, 0, 10), row("y", 5, 0, 2), row("z", 1, 0, 0)]);
      assert.deepEqual(await reserve(ledger, "b", { y: 3, z: 1 }), { outcome: "reserved" });
    }),
  );

  test(
    "knows a reservation by its id: repeating it changes nothing",
    within(async ({ ledger }) => {
      await ledger.open("r", 100);
      await reserve(ledger, "a", { r: 60 });
      assert.deepEqual(await reserve(ledger, "a", { r: 60 }), { outcome: "already_reserved" });
      assert.deepEqual(await reserve(ledger, "a", { r: 100 }), { outcome: "already_reserved" });
      await ledger.settle("a", amounts({ r: 60 }));
      assert.deepEqual(await reserve(ledger, "a", { r: 10 }), { outcome: "already_closed" });
      assert.deepEqual(await ledger.read("r"), row("r", 100, 0, 60));
    }),
  );

  test(
    "never reserves more than the budget in 10,000 concurrent calls",
    within(async ({ ledger }) => {
      await ledger.open("r", 33_333);
      const calls = Array.from({ length: 10_000 }, (_, i) => reserve(ledger, `res-${i % 8000}`, { r: 7 }));
      const outcomes = (await Promise.all(calls)).map(({ outcome }) => outcome);
      const reserved = outcomes.filter((outcome) => outcome === "reserved").length;
      assert.equal(reserved, Math.floor(33_333 / 7));
      assert.deepEqual(await ledger.read("r"), row("r", 33_333, reserved * 7, 0));
    }),
  );
}

function spendingContract(within: WithStore): void {
  test(
    "charges what is spent so far, in all: a smaller figure changes nothing, a larger one than reserved is capped",
    within(async ({ ledger }) => {
      await ledger.open("r", 100);
      await ledger.open("s", 100);
      await reserve(ledger, "a", { r: 60, s: 5 });
      assert.deepEqual(await ledger.charge("a", amounts({ r: 20 })), { outcome: "charged", capped: [] });
      assert.deepEqual(await ledger.charge("a", amounts({ r: 20 })), { outcome: "charged", capped: [] });
      assert.deepEqual(await ledger.charge("a", amounts({ r: 7, s: 1 })), { outcome: "charged", capped: [] });
      assert.deepEqual(await read(ledger, "r", "s"), [row("r", 100, 40, 20), row("s", 100, 4, 1)]);
      assert.deepEqual(await ledger.charge("a", amounts({ r: 65 })), { outcome: "charged", capped: amounts({ r: 5 }) });
      assert.deepEqual(await ledger.read("r"), row("r", 100, 0, 60));
      assert.deepEqual(await ledger.settle("a", amounts({ r: 30 })), { outcome: "settled", capped: [] });
      assert.deepEqual(await read(ledger, "r", "s"), [row("r", 100, 0, 60), row("s", 100, 0, 1)]);
    }),
  );

  test(
    "settles once, at least what was charged, at most what was reserved, and tells what is above it",
    within(async ({ ledger }) => {
      await ledger.open("r", 200);
      for (const [id, amount] of Object.entries({ a: 60, b: 40, c: 50 })) await reserve(ledger, id, { r: amount });
      assert.deepEqual(await ledger.settle("a", amounts({ r: 45 })), { outcome: "settled", capped: [] });
      assert.deepEqual(await ledger.settle("a", amounts({ r: 45 })), { outcome: "already_closed", capped: [] });
      const capped = amounts({ r: 30 });
      assert.deepEqual(await ledger.settle("b", amounts({ r: 70 })), { outcome: "settled", capped });
      assert.deepEqual(await ledger.settle("b", amounts({ r: 70 })), { outcome: "already_closed", capped });
      assert.deepEqual(await ledger.charge("b", amounts({ r: 70 })), { outcome: "already_closed", capped });
      await ledger.charge("c", amounts({ r: 22 }));
      assert.deepEqual(await ledger.settle("c", amounts({ r: 21 })), { outcome: "settled", capped: [] });
      assert.deepEqual(await ledger.release("b"), { outcome: "already_closed" });
      assert.deepEqual(await ledger.read("r"), row("r", 200, 0, 45 + 40 + 22));
    }),
  );

  test(
    "releases once and keeps what was charged; a cost that comes after it is reported, not booked",
    within(async ({ ledger }) => {
      await ledger.open("r", 100);
      await reserve(ledger, "a", { r: 60 });
      await ledger.charge("a", amounts({ r: 15 }));
      assert.deepEqual(await ledger.release("a"), { outcome: "released" });
      assert.deepEqual(await ledger.release("a"), { outcome: "already_closed" });
      const late = await ledger.settle("a", amounts({ r: 20 }));
      assert.deepEqual(late, { outcome: "already_closed", capped: amounts({ r: 5 }) });
      assert.deepEqual(await ledger.read("r"), row("r", 100, 0, 15));
    }),
  );
}

function endingContract(within: WithStore): void {
  test(
    "closes reservations whose lease has ended, oldest first: charged and at risk are settled, the rest is free",
    within(async ({ ledger }) => {
      await ledger.open("r", 1000);
      await ledger.open("s", 10);
      await reserve(ledger, "late", { r: 10 }, { leaseUntil: 300 });
      await reserve(ledger, "early", { r: 100, s: 1 }, { leaseUntil: 100, atRisk: { r: 30 } });
      await reserve(ledger, "edge", { r: 50 }, { leaseUntil: 200, atRisk: { r: 50 } });
      await reserve(ledger, "ended", { r: 30 }, { leaseUntil: 100, atRisk: { r: 30 } });
      await ledger.charge("early", amounts({ r: 7 }));
      await ledger.charge("edge", amounts({ r: 7 }));
      await ledger.settle("ended", amounts({ r: 1 }));
      assert.deepEqual(await ledger.expire(200), ["early", "edge"]);
      assert.deepEqual(await ledger.expire(200), []);
      assert.deepEqual(await read(ledger, "r", "s"), [row("r", 1000, 10, 37 + 50 + 1), row("s", 10, 0, 0)]);
      const late = await ledger.charge("early", amounts({ r: 40 }), 900);
      assert.deepEqual(late, { outcome: "already_closed", capped: amounts({ r: 3 }) });
    }),
  );

  test(
    "a charge prolongs the lease and never shortens it",
    within(async ({ ledger }) => {
      await ledger.open("r", 100);
      await reserve(ledger, "a", { r: 10 }, { leaseUntil: 100 });
      await ledger.charge("a", [], 500);
      await ledger.charge("a", amounts({ r: 1 }), 200);
      await ledger.charge("a", amounts({ r: 2 }));
      assert.deepEqual(await ledger.expire(499), []);
      assert.deepEqual(await ledger.expire(500), ["a"]);
      assert.deepEqual(await ledger.read("r"), row("r", 100, 0, 2));
    }),
  );

  test(
    "expires and lists the reservations under a prefix alone",
    within(async ({ ledger }) => {
      await ledger.open("r", 100);
      for (const id of ["run/b/2", "run/ab/1", "run/a/2", "run/a/1", "run/a%/1"]) await reserve(ledger, id, { r: 3 });
      await ledger.charge("run/a/1", amounts({ r: 1 }));
      await ledger.settle("run/a%/1", []);
      assert.deepEqual(await ledger.held("run/a/"), [
        { id: "run/a/1", leaseUntil: LEASE, amounts: [{ account: "r", amount: 3, charged: 1 }] },
        { id: "run/a/2", leaseUntil: LEASE, amounts: [{ account: "r", amount: 3, charged: 0 }] },
      ]);
      assert.deepEqual((await ledger.expire(Number.MAX_SAFE_INTEGER, "run/a/")).sort(), ["run/a/1", "run/a/2"]);
      assert.deepEqual(await ledger.held("run/a/"), []);
      assert.deepEqual(await ledger.read("r"), row("r", 100, 6, 1));
    }),
  );

  test(
    "prunes accounts before a name with their closed reservations; accounts with open ones stay",
    within(async ({ ledger }) => {
      for (const account of ["day/1/k", "day/2/k", "day/3/k", "day0", "slots/k"]) await ledger.open(account, 10);
      await reserve(ledger, "a", { "day/1/k": 2, "slots/k": 1 });
      await reserve(ledger, "b", { "day/1/k": 0, "slots/k": 1 });
      await reserve(ledger, "c", { "day/2/k": 2, "slots/k": 1 });
      await ledger.settle("a", amounts({ "day/1/k": 2 }));
      await ledger.settle("c", amounts({ "day/2/k": 2 }));
      assert.deepEqual(await ledger.prune("day/", "day/3"), { accounts: 1 });
      assert.deepEqual(await read(ledger, "day/1/k", "day/2/k", "day/3/k", "day0"), [
        row("day/1/k", 10, 0, 2),
        undefined,
        row("day/3/k", 10, 0, 0),
        row("day0", 10, 0, 0),
      ]);
      assert.deepEqual(await reserve(ledger, "a", { "day/3/k": 1 }), { outcome: "already_closed" });
      await ledger.release("b");
      assert.deepEqual(await ledger.prune("day/", "day/3"), { accounts: 1 });
      assert.deepEqual(await reserve(ledger, "a", { "day/3/k": 1 }), { outcome: "reserved" });
      assert.deepEqual(await ledger.read("slots/k"), row("slots/k", 10, 0, 0));
    }),
  );
}

function refusingContract(within: WithStore): void {
  test(
    "refuses unknown accounts, unknown reservations and amounts that are none; others go on",
    within(async ({ ledger }) => {
      await ledger.open("r", 100);
      await reserve(ledger, "known", { r: 10 });
      const eleven = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`a${i}`, 1]));
      const twice = [...amounts({ r: 1 }), ...amounts({ r: 1 })];
      const refused: [RegExp, Promise<unknown>][] = [
        [/account "nobody" is not open/, reserve(ledger, "a", { r: 1, nobody: 1 })],
        [/no reservation "unknown"/, ledger.settle("unknown", amounts({ r: 1 }))],
        [/no reservation "unknown"/, ledger.charge("unknown", amounts({ r: 1 }))],
        [/no reservation "unknown"/, ledger.release("unknown")],
        [/amount of "r" -1/, reserve(ledger, "b", { r: -1 })],
        [/amount of "r" 0.5/, reserve(ledger, "c", { r: 0.5 })],
        [/spent of "r" NaN/, ledger.settle("known", amounts({ r: Number.NaN }))],
        [/"r" is named twice/, ledger.settle("known", twice)],
        [/"known" takes nothing from account "s"/, ledger.charge("known", amounts({ s: 1 }))],
        [/budget of "r" -5/, ledger.open("r", -5)],
        [/leaseUntil NaN/, reserve(ledger, "d", { r: 1 }, { leaseUntil: Number.NaN })],
        [/leaseUntil 0.5/, ledger.charge("known", [], 0.5)],
        [/atRisk of "r" 2: at most the reserved 1/, reserve(ledger, "e", { r: 1 }, { atRisk: { r: 2 } })],
        [/atRisk of "s" 1: at most the reserved 0/, reserve(ledger, "f", { r: 1 }, { atRisk: { s: 1 } })],
        [/from 1 to 10 accounts, not 11/, reserve(ledger, "g", eleven)],
        [/from 1 to 10 accounts, not 0/, reserve(ledger, "h", {})],
        [/"r" is named twice/, ledger.reserve({ id: "i", amounts: twice, leaseUntil: LEASE })],
      ];
      const good = reserve(ledger, "good", { r: 10 });
      const endings = await Promise.allSettled(refused.map(([, call]) => call));
      for (const [at, [pattern]] of refused.entries()) {
        const ending = endings[at];
        assert.match(ending?.status === "rejected" ? String(ending.reason) : "was not refused", pattern);
      }
      assert.deepEqual(await good, { outcome: "reserved" });
      assert.deepEqual(await ledger.read("r"), row("r", 100, 20, 0));
    }),
  );
}

type ByAccount = Record<string, number>;

const row = (account: string, budget: number, reserved: number, settled: number) => ({
  account,
  budget,
  reserved,
  settled,
});

const amounts = (byAccount: ByAccount): Amount[] =>
  Object.entries(byAccount).map(([account, amount]) => ({ account, amount }));

const read = (ledger: Ledger, ...accounts: string[]) => Promise.all(accounts.map((account) => ledger.read(account)));

function reserve(
  ledger: Ledger,
  id: string,
  byAccount: ByAccount,
  { leaseUntil = LEASE, atRisk }: { leaseUntil?: number; atRisk?: ByAccount } = {},
) {
  const risk = atRisk === undefined ? {} : { atRisk: amounts(atRisk) };
  return ledger.reserve({ id, amounts: amounts(byAccount), leaseUntil, ...risk });
}
