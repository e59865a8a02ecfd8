import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { memoryLedger } from "../../functions/adapters/memory/ledger.ts";
import { openSqliteStore } from "../../functions/adapters/sqlite/store.ts";
import {
  type Admission,
  type Admitted,
  LEASE_MS,
  openAdmission,
  type Principal,
  type Ticket,
  type Used,
} from "../../functions/api/admission/admission.ts";
import type { Ledger } from "../../shared/ports/ledger.ts";
import type { Limits } from "../../shared/schemas/service.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { type VirtualClock, virtualClock } from "../support/virtual-clock.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** 12 seconds after a full minute, 6 hours before midnight UTC. */
const NOON = Date.UTC(2026, 10, 23, 18, 0, 12);

function key(limits: Partial<Limits> = {}): Principal {
  const most = { requestsPerMinute: 1000, concurrentRequests: 1000, tokensPerDay: 1_000_000, usdPerDay: 100 };
  return { id: "key_1", kind: "key", scopes: ["chat"], limits: { ...most, ...limits } };
}
const OWNER: Principal = { id: "owner", kind: "owner", scopes: ["admin"], limits: undefined };

const asking = (requestId: string, tokens = 100, usdMicros = 1000) => ({ requestId, tokens, usdMicros });

function ticketOf(admitted: Admitted): Ticket {
  assert.equal(admitted.outcome, "admitted", JSON.stringify(admitted));
  return (admitted as Extract<Admitted, { outcome: "admitted" }>).ticket;
}

function refusalOf(admitted: Admitted) {
  assert.equal(admitted.outcome, "limited");
  return admitted as Extract<Admitted, { outcome: "limited" }>;
}

type World = { ledger: Ledger; clock: VirtualClock; admission: Admission };
type WithWorld = (work: (world: World) => Promise<void>) => () => Promise<void>;

function promises(within: WithWorld): void {
  test(
    "of 200 concurrent requests, a key with money for 50 gets exactly 50 through",
    within(async ({ admission, ledger }) => {
      const poor = key({ usdPerDay: 0.05 });
      const all = await Promise.all(Array.from({ length: 200 }, (_, i) => admission.admit(poor, asking(`r${i}`))));
      const limited = all.flatMap((one) => (one.outcome === "limited" ? [one.limit] : []));
      assert.deepEqual([...new Set(limited)], ["usd"]);
      assert.equal(limited.length, 150);
      const tickets = all.flatMap((one) => (one.outcome === "admitted" ? [one.ticket] : []));
      await Promise.all(tickets.map((ticket) => ticket.settle({ tokens: 40, usdMicros: 900 })));
      const { usdMicros, tokens, concurrentRequests } = await admission.usage(poor);
      assert.deepEqual(usdMicros, { used: 45_000, reserved: 0, limit: 50_000 });
      assert.deepEqual(tokens, { used: 2000, reserved: 0, limit: 1_000_000 });
      assert.equal(concurrentRequests.used, 0);
      assert.equal((await ledger.read("usd/2026-11-23/key_1"))?.settled, 45_000);
    }),
  );

  test(
    "a slot comes back when its request is settled, and when its lease has run out",
    within(async ({ admission, clock }) => {
      const narrow = key({ concurrentRequests: 2 });
      const first = ticketOf(await admission.admit(narrow, asking("a")));
      const dead = ticketOf(await admission.admit(narrow, asking("b")));
      const refusal = refusalOf(await admission.admit(narrow, asking("c")));
      assert.deepEqual([refusal.limit, refusal.retryAfterSeconds], ["concurrency", 2]);
      await first.settle({ tokens: 1, usdMicros: 1 });
      await first.settle({ tokens: 1, usdMicros: 1 });
      ticketOf(await admission.admit(narrow, asking("d")));
      await clock.advance(LEASE_MS - 1000);
      await dead.charge({ tokens: 7, usdMicros: 70 });
      await clock.advance(LEASE_MS - 1000);
      const third = ticketOf(await admission.admit(narrow, asking("e"))); // "d" told nothing and is dead
      refusalOf(await admission.admit(narrow, asking("f")));
      await clock.advance(2000);
      ticketOf(await admission.admit(narrow, asking("g"))); // "b" told something once, and is dead now
      const { tokens, usdMicros } = await admission.usage(narrow);
      assert.deepEqual(
        [tokens.used, usdMicros.used],
        [1 + 100 + 100, 1 + 1000 + 1000],
        "the dead count as fully spent",
      );
      await dead.settle({ tokens: 9, usdMicros: 90 });
      await third.settle({ tokens: 0, usdMicros: 0 });
    }),
  );

  test(
    "requests are counted by the minute: the next minute opens the window again",
    within(async ({ admission, clock }) => {
      const slow = key({ requestsPerMinute: 2 });
      const one = ticketOf(await admission.admit(slow, asking("a")));
      await one.settle({ tokens: 0, usdMicros: 0 });
      ticketOf(await admission.admit(slow, asking("b")));
      const refusal = refusalOf(await admission.admit(slow, asking("c")));
      assert.deepEqual([refusal.limit, refusal.retryAfterSeconds], ["requests", 48]);
      assert.equal(refusal.headers["retry-after"], "48");
      assert.equal(refusal.headers["x-ratelimit-remaining-requests"], "0");
      await clock.advance(48_000);
      ticketOf(await admission.admit(slow, asking("c")));
      assert.deepEqual((await admission.usage(slow)).requestsThisMinute, { used: 0, reserved: 1, limit: 2 });
    }),
  );

  test(
    "tells limits and what is left in headers, with OpenAI's names",
    within(async ({ admission }) => {
      const { headers } = ticketOf(await admission.admit(key({ usdPerDay: 0.5 }), asking("a", 1500, 120_000)));
      assert.deepEqual(headers, {
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-remaining-requests": "999",
        "x-ratelimit-reset-requests": "48s",
        "x-ratelimit-limit-tokens": "1000000",
        "x-ratelimit-remaining-tokens": "998500",
        "x-ratelimit-reset-tokens": "5h59m48s",
        "x-budget-remaining-usd": "0.38",
      });
      assert.deepEqual(ticketOf(await admission.admit(OWNER, asking("b"))).headers, {});
    }),
  );

  test(
    "a request above a whole day's allowance waits for midnight; one that others stand in the way of only for them",
    within(async ({ admission, clock }) => {
      const day = key({ tokensPerDay: 1000 });
      const above = refusalOf(await admission.admit(day, asking("a", 1001)));
      assert.deepEqual([above.limit, above.retryAfterSeconds], ["tokens", 6 * 3600 - 12]);
      assert.match(above.message, /up to 1001 tokens, and a whole day's allowance is 1000 tokens: ask for less/);
      const holder = ticketOf(await admission.admit(day, asking("b", 900)));
      const waiting = refusalOf(await admission.admit(day, asking("c", 200)));
      assert.deepEqual([waiting.limit, waiting.retryAfterSeconds], ["tokens", 2]);
      await holder.settle({ tokens: 900, usdMicros: 0 });
      const spent = refusalOf(await admission.admit(day, asking("c", 200)));
      assert.equal(spent.retryAfterSeconds, 6 * 3600 - 12);
      assert.match(spent.message, /of today's 1000 tokens there are 100 tokens left/);
      await clock.advance(spent.retryAfterSeconds * 1000);
      ticketOf(await admission.admit(day, asking("c", 200)));
    }),
  );

  test(
    "asking twice under one id is one request; using more than was asked is capped and told",
    within(async ({ ledger, clock }) => {
      const told: { requestId: string; above: Used }[] = [];
      const onCapped = ({ requestId, above }: { requestId: string; above: Used }) => told.push({ requestId, above });
      const admission = openAdmission({ ledger, clock, onCapped });
      const [one, other] = await Promise.all([0, 1].map(() => admission.admit(key(), asking("a", 10, 100))));
      assert.equal((await admission.usage(key())).concurrentRequests.used, 1);
      await ticketOf(one!).settle({ tokens: 12, usdMicros: 90 });
      await ticketOf(other!).settle({ tokens: 12, usdMicros: 90 });
      assert.deepEqual(told, [{ requestId: "a", above: { tokens: 2, usdMicros: 0 } }]);
      const { tokens, usdMicros } = await admission.usage(key());
      assert.deepEqual([tokens.used, usdMicros.used], [10, 90]);
      await assert.rejects(admission.admit(key(), asking("a")), /every request needs an id of its own/);
    }),
  );

  test(
    "the owner has no limits, and is counted all the same",
    within(async ({ admission }) => {
      const ticket = ticketOf(await admission.admit(OWNER, asking("a", 5_000_000, 9_000_000_000)));
      await ticket.settle({ tokens: 4_000_000, usdMicros: 8_000_000_000 });
      const { usdMicros, tokens } = await admission.usage(OWNER);
      assert.deepEqual(usdMicros, { used: 8_000_000_000, reserved: 0, limit: undefined });
      assert.deepEqual(tokens, { used: 4_000_000, reserved: 0, limit: undefined });
    }),
  );

  test(
    "changed limits hold from the next request on",
    within(async ({ admission }) => {
      ticketOf(await admission.admit(key({ concurrentRequests: 1 }), asking("a")));
      refusalOf(await admission.admit(key({ concurrentRequests: 1 }), asking("b")));
      ticketOf(await admission.admit(key({ concurrentRequests: 2 }), asking("b")));
    }),
  );

  test(
    "old windows are forgotten, also while other requests are under way",
    within(async ({ admission, clock, ledger }) => {
      ticketOf(await admission.admit(key(), asking("old")));
      await clock.advance(3 * DAY);
      const now = await Promise.all(["a", "b", "c"].map((id) => admission.admit(key(), asking(id))));
      for (const one of now) ticketOf(one);
      assert.equal(await ledger.read("rpm/2026-11-23T18:00/key_1"), undefined);
      assert.equal(await ledger.read("usd/2026-11-23/key_1"), undefined);
      assert.equal((await ledger.read("slots/key_1"))?.reserved, 3);
    }),
  );

  test(
    "a request that ends after its windows are forgotten changes nothing, however often it says so",
    within(async ({ admission, clock, ledger }) => {
      const late = ticketOf(await admission.admit(key(), asking("late")));
      await clock.advance(3 * DAY);
      ticketOf(await admission.admit(key(), asking("now")));
      assert.equal(await ledger.read("usd/2026-11-23/key_1"), undefined);
      const before = await admission.usage(key());
      await late.charge({ tokens: 40, usdMicros: 900 });
      await late.settle({ tokens: 40, usdMicros: 900 });
      await late.settle({ tokens: 40, usdMicros: 900 });
      assert.deepEqual(await admission.usage(key()), before);
    }),
  );

  test(
    "a store that fails while a request is under way is told to whoever settles it",
    within(async ({ ledger, clock }) => {
      const broken = { ...ledger, settle: () => Promise.reject(new Error("the disk is full")) };
      const admission = openAdmission({ ledger: broken, clock });
      const ticket = ticketOf(await admission.admit(key(), asking("a")));
      await assert.rejects(ticket.settle({ tokens: 1, usdMicros: 1 }), /the disk is full/);
    }),
  );

  test(
    "windows that another process has forgotten are opened again",
    within(async ({ admission, ledger }) => {
      await ticketOf(await admission.admit(key(), asking("a"))).settle({ tokens: 1, usdMicros: 1 });
      assert.deepEqual(await ledger.prune("slots/", "slots0"), { accounts: 1 });
      ticketOf(await admission.admit(key(), asking("b")));
      assert.equal((await admission.usage(key())).concurrentRequests.used, 1);
    }),
  );

  runPromises(within);
}

function runPromises(within: WithWorld): void {
  test(
    "a run takes its whole budget out of the key's day, and gives back what it did not spend",
    within(async ({ admission }) => {
      const day = key({ usdPerDay: 10 });
      assert.deepEqual(await admission.allotRun(day, "run1", 6_000_000), { outcome: "allotted" });
      assert.deepEqual(await admission.allotRun(day, "run1", 6_000_000), { outcome: "allotted" });
      const refused = await admission.allotRun(day, "run2", 5_000_000);
      assert.equal(refused.outcome, "over_day");
      assert.deepEqual(refused.outcome === "over_day" && [refused.leftUsdMicros, refused.retryAfterSeconds], [
        4_000_000,
        6 * 3600 - 12,
      ]);
      const chat = refusalOf(await admission.admit(day, asking("a", 1, 4_000_001)));
      assert.equal(chat.limit, "usd");
      await admission.settleRun(day, "run1", 1_500_000);
      await admission.settleRun(day, "run1", 1_500_000);
      assert.deepEqual((await admission.usage(day)).usdMicros, { used: 1_500_000, reserved: 0, limit: 10_000_000 });
      assert.deepEqual(await admission.allotRun(day, "run2", 5_000_000), { outcome: "allotted" });
    }),
  );

  test(
    "a raised budget takes the difference out of the day of the raise, however often and concurrently it is asked for",
    within(async ({ admission, clock }) => {
      const day = key({ usdPerDay: 10 });
      await admission.allotRun(day, "run", 6_000_000);
      await clock.advance(DAY);
      const raises = Array.from({ length: 5 }, () => admission.allotRun(day, "run", 9_000_000));
      for (const raised of await Promise.all(raises)) assert.deepEqual(raised, { outcome: "allotted" });
      assert.equal((await admission.usage(day)).usdMicros.reserved, 3_000_000);
      assert.equal((await admission.allotRun(day, "run", 17_000_000)).outcome, "over_day");
      assert.deepEqual(await admission.allotRun(day, "run", 4_000_000), { outcome: "allotted" });
      await admission.settleRun(day, "run", 8_000_000);
      assert.deepEqual((await admission.usage(day)).usdMicros, { used: 2_000_000, reserved: 0, limit: 10_000_000 });
    }),
  );

  test(
    "a run that had ended and goes on is allotted anew, also when it had spent nothing",
    within(async ({ admission }) => {
      const day = key({ usdPerDay: 10 });
      for (const spent of [0, 0, 2_000_000]) {
        assert.deepEqual(await admission.allotRun(day, "run", 6_000_000), { outcome: "allotted" });
        assert.equal((await admission.usage(day)).usdMicros.reserved, 6_000_000);
        await admission.settleRun(day, "run", spent);
      }
      assert.deepEqual(await admission.allotRun(day, "run", 6_000_000), { outcome: "allotted" });
      assert.deepEqual((await admission.usage(day)).usdMicros, {
        used: 2_000_000,
        reserved: 4_000_000,
        limit: 10_000_000,
      });
    }),
  );
}

describe("admission on the ledger in memory", () => {
  promises((work) => async () => {
    const [ledger, clock] = [memoryLedger(), virtualClock(NOON)];
    await work({ ledger, clock, admission: openAdmission({ ledger, clock }) });
  });
});

describe("admission on the ledger in a SQLite file", () => {
  promises((work) => async () => {
    await using folder = await tempFolder("admission");
    const store = openSqliteStore(join(folder.path, "state.sqlite"));
    const clock = virtualClock(NOON);
    try {
      await work({ ledger: store.ledger, clock, admission: openAdmission({ ledger: store.ledger, clock }) });
    } finally {
      await store.close();
    }
  });
});
