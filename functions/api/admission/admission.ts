/** Limits of the HTTP service: requests a minute, concurrent requests, tokens and USD a day. Built on the ledger alone. */
import type { Clock } from "../../../shared/ports/clock.ts";
import type { Ledger, Reserved } from "../../../shared/ports/ledger.ts";
import type { Limits, Scope } from "../../../shared/schemas/service.ts";
import { type Allotments, runAllotments } from "./allotments.ts";
import { limited, limitHeaders, type Rows } from "./answers.ts";
import { openWindows } from "./open-windows.ts";
import { dayOf, type WindowName, type Windows, windowsOf } from "./windows.ts";

/** Who asks. `limits: undefined`: none, as for the owner; what is used is counted all the same. */
export type Principal = {
  id: string;
  kind: "owner" | "key" | "anonymous";
  scopes: readonly Scope[];
  limits: Limits | undefined;
};

/** Upper bounds of what one request may take. `requestId`: the same again is the same request. */
export type Asked = { requestId: string; tokens: number; usdMicros: number };
export type Used = { tokens: number; usdMicros: number };

export type Ticket = {
  /** `x-ratelimit-…` with OpenAI's names, and `x-budget-remaining-usd`; empty without limits. */
  headers: Record<string, string>;
  /** What is used so far, in all; renews the lease. Whoever tells nothing for LEASE_MS counts as dead, and as fully spent. */
  charge(used: Used): Promise<void>;
  /** Ends it and gives the slot back; safe to repeat. Everything above `asked` is capped at it. */
  settle(used: Used): Promise<void>;
};

export type Limited = {
  outcome: "limited";
  limit: WindowName;
  message: string;
  retryAfterSeconds: number;
  headers: Record<string, string>;
};
export type Admitted = { outcome: "admitted"; ticket: Ticket } | Limited;

/** `limit: undefined`: none. */
export type Window = { used: number; reserved: number; limit: number | undefined };
/** `day`: UTC, `2026-11-23`. Concurrent requests are all `used`, none reserved. */
export type UsageToday = {
  day: string;
  requestsThisMinute: Window;
  concurrentRequests: Window;
  tokens: Window;
  usdMicros: Window;
};

export type Admission = Allotments & {
  admit(principal: Principal, asked: Asked): Promise<Admitted>;
  usage(principal: Principal): Promise<UsageToday>;
};

export type AdmissionDeps = {
  ledger: Ledger;
  clock: Clock;
  /** Told when a request used more than it had asked for: whoever computed the bound computed it wrong. */
  onCapped?: (request: { principalId: string; requestId: string; above: Used }) => void;
};

/** Longest silence between two `charge`s of one request. Our choice: longer than a slow server's pause between tokens. */
export const LEASE_MS = 5 * 60_000;
const ASKED = "ask/";

export function openAdmission(deps: AdmissionDeps): Admission {
  const { ledger, clock } = deps;
  const windows = openWindows(ledger, ASKED);

  async function admit(principal: Principal, asked: Asked): Promise<Admitted> {
    const now = clock.now();
    await windows.keepHouse(now);
    const names = windowsOf(principal.id, now);
    const take = () => windows.reserve(names, principal.limits, reservationOf(principal, asked, { names, now }));
    let reserved = await take();
    // The dead may hold what is missing.
    if (reserved.outcome === "short" && (await windows.expire(now))) reserved = await take();
    if (reserved.outcome === "already_closed") {
      throw new Error(`request ${asked.requestId} has ended already: every request needs an id of its own`);
    }
    const rows = await windows.rows(names, principal.limits);
    if (reserved.outcome === "short") return limited(limitOf(names, reserved), { rows, asked, now });
    return { outcome: "admitted", ticket: ticketOf(principal, asked, { names, rows, now }) };
  }

  function ticketOf(
    principal: Principal,
    asked: Asked,
    { names, rows, now }: { names: Windows; rows: Rows; now: number },
  ): Ticket {
    const id = reservationId(principal, asked);
    const spent = ({ tokens, usdMicros }: Used) => [
      { account: names.requests, amount: 1 },
      { account: names.tokens, amount: tokens },
      { account: names.usd, amount: usdMicros },
    ];
    return {
      headers: principal.limits === undefined ? {} : limitHeaders(rows, now),
      async charge(used) {
        await unlessForgotten(id, () => ledger.charge(id, spent(used), clock.now() + LEASE_MS));
      },
      async settle(used) {
        const settled = await unlessForgotten(id, () => ledger.settle(id, spent(used)));
        if (settled === undefined) return;
        const { outcome, capped } = settled;
        if (outcome === "already_closed" || capped.length === 0) return;
        const above = (account: string) => capped.find((one) => one.account === account)?.amount ?? 0;
        const told = { tokens: above(names.tokens), usdMicros: above(names.usd) };
        deps.onCapped?.({ principalId: principal.id, requestId: asked.requestId, above: told });
      },
    };
  }

  /** `undefined`: it was closed, and forgotten with the windows it took from. What is still held is not, so that fails. */
  async function unlessForgotten<T>(id: string, book: () => Promise<T>): Promise<T | undefined> {
    try {
      return await book();
    } catch (error) {
      if ((await ledger.held(id)).some((held) => held.id === id)) throw error;
      return undefined;
    }
  }

  async function usage({ id, limits }: Principal): Promise<UsageToday> {
    const now = clock.now();
    const rows = await windows.rows(windowsOf(id, now), limits);
    const window = (name: WindowName): Window => ({
      used: rows[name].settled,
      reserved: rows[name].reserved,
      limit: limits === undefined ? undefined : rows[name].budget,
    });
    return {
      day: dayOf(now),
      requestsThisMinute: window("requests"),
      concurrentRequests: { ...window("concurrency"), used: rows.concurrency.reserved, reserved: 0 },
      tokens: window("tokens"),
      usdMicros: window("usd"),
    };
  }

  return { admit, usage, ...runAllotments(deps, windows) };
}

const reservationId = (principal: Principal, asked: Asked): string => `${ASKED}${principal.id}/${asked.requestId}`;

/** All or nothing in one write. A dead request counts as asked and as fully spent; its slot is free. */
function reservationOf(principal: Principal, asked: Asked, { names, now }: { names: Windows; now: number }) {
  const lost = [
    { account: names.requests, amount: 1 },
    { account: names.tokens, amount: asked.tokens },
    { account: names.usd, amount: asked.usdMicros },
  ];
  return {
    id: reservationId(principal, asked),
    amounts: [lost[0]!, { account: names.concurrency, amount: 1 }, ...lost.slice(1)],
    atRisk: lost,
    leaseUntil: now + LEASE_MS,
  };
}

function limitOf(names: Windows, short: Extract<Reserved, { outcome: "short" }>): WindowName {
  const found = (Object.keys(names) as WindowName[]).find((name) => names[name] === short.account);
  if (found === undefined) throw new Error(`the ledger is short in ${short.account}, which was not asked`);
  return found;
}
