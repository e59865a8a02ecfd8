/** The accounts behind a principal's limits. Time stands before the principal, so that old ones can be pruned by name. */
import { toMicros } from "../../../shared/budget/prices.ts";
import type { Limits } from "../../../shared/schemas/service.ts";

/** Each names one account of the ledger. */
export type Windows = Record<WindowName, string>;
export type WindowName = "requests" | "concurrency" | "tokens" | "usd";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Minutes and days for which accounts stay after their end: whoever settles late still finds them. Our choice. */
const KEPT_MINUTES = 60;
const KEPT_DAYS = 2;

/** `2026-11-23T09:15`, UTC. */
const minuteOf = (now: number): string => new Date(now).toISOString().slice(0, 16);
/** `2026-11-23`, UTC. */
export const dayOf = (now: number): string => new Date(now).toISOString().slice(0, 10);

export function windowsOf(principalId: string, now: number): Windows {
  return {
    requests: `rpm/${minuteOf(now)}/${principalId}`,
    concurrency: `slots/${principalId}`,
    tokens: `tokens/${dayOf(now)}/${principalId}`,
    usd: `usd/${dayOf(now)}/${principalId}`,
  };
}

/** Whoever has no limits is counted all the same. */
export function budgetsOf(limits: Limits | undefined): Record<WindowName, number> {
  const all = Number.MAX_SAFE_INTEGER;
  if (limits === undefined) return { requests: all, concurrency: all, tokens: all, usd: all };
  return {
    requests: limits.requestsPerMinute,
    concurrency: limits.concurrentRequests,
    tokens: limits.tokensPerDay,
    usd: toMicros(limits.usdPerDay),
  };
}

/** Whole seconds until the window is new, at least 1. */
export function secondsLeft(window: "minute" | "day", now: number): number {
  const length = window === "minute" ? MINUTE_MS : DAY_MS;
  return Math.max(1, Math.ceil((length - (now % length)) / 1000));
}

/** What is pruned once a minute, and what once a day. Slots nobody holds are forgotten by the day; `open` makes them again. */
export function oldAccounts(now: number): Record<"everyMinute" | "everyDay", { prefix: string; before: string }[]> {
  const day = dayOf(now - KEPT_DAYS * DAY_MS);
  return {
    everyMinute: [{ prefix: "rpm/", before: `rpm/${minuteOf(now - KEPT_MINUTES * MINUTE_MS)}` }],
    everyDay: [
      { prefix: "tokens/", before: `tokens/${day}` },
      { prefix: "usd/", before: `usd/${day}` },
      { prefix: "slots/", before: "slots0" }, // "0" comes right after "/": all of them
    ],
  };
}
