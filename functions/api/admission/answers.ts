/** How limits are told: headers with OpenAI's names, and the refusal. */
import { MICROS_PER_USD } from "../../../shared/budget/prices.ts";
import type { LedgerRow } from "../../../shared/ports/ledger.ts";
import type { Asked, Limited } from "./admission.ts";
import { secondsLeft, type WindowName } from "./windows.ts";

export type Rows = Record<WindowName, LedgerRow>;

/** How long until somebody else's request may have ended. Our choice. */
const WHILE_OTHERS_WORK_S = 2;

export const freeIn = ({ budget, reserved, settled }: LedgerRow): number => Math.max(0, budget - settled - reserved);

/** Names and the form of the times as in https://platform.openai.com/docs/guides/rate-limits; the budget's is our own. */
export function limitHeaders(rows: Rows, now: number): Record<string, string> {
  return {
    "x-ratelimit-limit-requests": `${rows.requests.budget}`,
    "x-ratelimit-remaining-requests": `${freeIn(rows.requests)}`,
    "x-ratelimit-reset-requests": duration(secondsLeft("minute", now)),
    "x-ratelimit-limit-tokens": `${rows.tokens.budget}`,
    "x-ratelimit-remaining-tokens": `${freeIn(rows.tokens)}`,
    "x-ratelimit-reset-tokens": duration(secondsLeft("day", now)),
    "x-budget-remaining-usd": `${freeIn(rows.usd) / MICROS_PER_USD}`,
  };
}

/** `5h12m3s`, `42s`. */
function duration(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  return `${hours > 0 ? `${hours}h` : ""}${hours + minutes > 0 ? `${minutes}m` : ""}${seconds % 60}s`;
}

export function limited(limit: WindowName, { rows, asked, now }: { rows: Rows; asked: Asked; now: number }): Limited {
  const retryAfterSeconds = waitFor(limit, rows[limit], { asked, now });
  const headers = { ...limitHeaders(rows, now), "retry-after": `${retryAfterSeconds}` };
  return { outcome: "limited", limit, message: messageOf(limit, rows[limit], asked), retryAfterSeconds, headers };
}

/** What others only hold may be free again soon; what is used comes back with the next minute or day. */
function waitFor(limit: WindowName, row: LedgerRow, { asked, now }: { asked: Asked; now: number }): number {
  if (limit === "concurrency") return WHILE_OTHERS_WORK_S;
  if (limit === "requests") return secondsLeft("minute", now);
  const wanted = limit === "tokens" ? asked.tokens : asked.usdMicros;
  return row.settled + wanted <= row.budget ? WHILE_OTHERS_WORK_S : secondsLeft("day", now);
}

function messageOf(limit: WindowName, row: LedgerRow, asked: Asked): string {
  if (limit === "requests") return `${row.budget} requests a minute are allowed, and this minute's are used`;
  if (limit === "concurrency") return `${row.budget} concurrent requests are allowed, and as many are under way`;
  const [told, wanted] =
    limit === "tokens"
      ? [(amount: number) => `${amount} tokens`, asked.tokens]
      : [(amount: number) => `${amount / MICROS_PER_USD} USD`, asked.usdMicros];
  const needs = `this request may take up to ${told(wanted)}`;
  if (wanted > row.budget) return `${needs}, and a whole day's allowance is ${told(row.budget)}: ask for less`;
  return `${needs}, and of today's ${told(row.budget)} there are ${told(freeIn(row))} left (the day ends at 00:00 UTC)`;
}
