/** When a refused request may be asked again. */
import type { Random } from "../../../shared/random.ts";

const BASE_MS = 500; // our choice: the first retry comes within half a second
const CAP_MS = 30_000; // our choice

/** Attempts in all. An overloaded server gets more patience than a failing one; a reply that makes no sense least. */
export const MAX_ATTEMPTS = { overload: 12, transient: 6, unreachable: 6, garbled: 3 } as const; // our choice

const LONGEST_PAUSE_MS = 5 * 60_000; // our choice

/** False for a server that asks for a pause so long that it is given up for now. */
export function bearable({ pauseMs = 0 }: { pauseMs?: number | undefined }): boolean {
  return pauseMs <= LONGEST_PAUSE_MS;
}

/**
 * Full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS 2015): uniform in [0, min(cap, base · 2^attempt)),
 * on top of what the server asked for.
 * @param attempt from 0
 * @returns milliseconds
 */
export function retryDelayMs(attempt: number, askedMs: number | undefined, random: Random): number {
  return Math.round((askedMs ?? 0) + random() * Math.min(CAP_MS, BASE_MS * 2 ** attempt));
}

/**
 * What `retry-after-ms` or `Retry-After` (seconds or an HTTP date, RFC 9110 §10.2.3) asks for.
 * @param now milliseconds since 1970 UTC
 * @returns milliseconds ≥ 0, or `undefined` where nothing legible was sent
 */
export function askedPauseMs(headers: Headers | undefined, now: number): number | undefined {
  const exact = number(headers?.get("retry-after-ms"));
  if (exact !== undefined) return exact;
  const text = headers?.get("retry-after");
  const seconds = number(text);
  if (seconds !== undefined) return seconds * 1000;
  const date = Date.parse(text ?? "");
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function number(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined || text.trim() === "") return undefined;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}
