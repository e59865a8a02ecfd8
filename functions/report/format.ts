/** Numbers as people read them. A value that was not measured is a dash. */
import type { Estimate } from "../../shared/schemas/metrics.ts";

const THIN = "\u202f"; // narrow no-break space, before a unit
export const DASH = "–";
const MINUS = "−";

export type Unit = "percent" | "number";

const signed = (value: number, text: string) => (value > 0 ? `+${text}` : value < 0 ? `${MINUS}${text}` : text);

/** A share as a percentage: `0.0912` → `9.1 %`. */
export function percent(share: number | null, digits = 1): string {
  return share === null ? DASH : `${(100 * share).toFixed(digits)}${THIN}%`;
}

export function decimal(value: number | null, digits = 1): string {
  return value === null ? DASH : value.toFixed(digits).replace(/^-/, MINUS);
}

export const count = (value: number): string => value.toLocaleString("en-US");

export function inUnit(value: number | null, unit: Unit): string {
  return unit === "percent" ? percent(value) : decimal(value);
}

/** `9.1 % [6.8, 11.7]`; the value alone where there is no interval. */
export function withInterval({ value, ci }: Estimate, unit: Unit): string {
  return ci === null ? inUnit(value, unit) : `${inUnit(value, unit)} ${interval(ci, unit)}`;
}

export function interval([low, high]: readonly [number, number], unit: Unit): string {
  const scale = unit === "percent" ? 100 : 1;
  return `[${(low * scale).toFixed(1)}, ${(high * scale).toFixed(1)}]`;
}

/** How much of `before` was gained or lost: `−79 %`; nothing where there was nothing. */
export function relativeChange(before: number | null, after: number | null): string | null {
  if (before === null || after === null || before === 0) return null;
  const change = (after - before) / before;
  return signed(Number(change.toFixed(3)), `${Math.abs(100 * change).toFixed(Math.abs(change) < 0.1 ? 1 : 0)}${THIN}%`);
}

/** `−34.9 points` of percentages. */
export function points(difference: number): string {
  const text = Math.abs(100 * difference).toFixed(1);
  return `${signed(Number((100 * difference).toFixed(1)), text)}${THIN}points`;
}

export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)}${THIN}s`;
  if (seconds < 100) return `${Math.round(seconds)}${THIN}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes}${THIN}min`;
  return `${Math.floor(minutes / 60)}${THIN}h ${minutes % 60}${THIN}min`;
}

/** Dollars with as many digits as tell something: `$0`, `$0.0004`, `$1.23`. */
export function dollars(usd: number): string {
  if (usd === 0) return "$0";
  return usd < 0.01 ? `$${usd.toPrecision(1)}` : `$${usd.toFixed(2)}`;
}

export function probability(value: number | null): string {
  return value === null ? DASH : value.toFixed(2);
}

/** `no_claims` → `no claims`. */
export const spaced = (name: string): string => name.replaceAll("_", " ");

/** `1 pair`, `2 pairs`. */
export const plural = (amount: number, noun: string): string => `${count(amount)} ${noun}${amount === 1 ? "" : "s"}`;
