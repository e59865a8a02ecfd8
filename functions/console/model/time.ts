/** Moments as people read them. The clock is an argument. */

const STEPS: readonly [limit: number, unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  [60, "second", 1],
  [3600, "minute", 60],
  [86_400, "hour", 3600],
  [Number.POSITIVE_INFINITY, "day", 86_400],
];
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

/** `12 sec. ago`; what lies ahead by a wrong clock is now. */
export function ago(iso: string, nowMs: number): string {
  const seconds = Math.max(0, (nowMs - Date.parse(iso)) / 1000);
  const [, unit, size] = STEPS.find(([limit]) => seconds < limit)!;
  return RELATIVE.format(-Math.floor(seconds / size), unit);
}

/** `2026-11-23 10:00 UTC` */
export const dateTime = (iso: string): string => `${iso.slice(0, 16).replace("T", " ")} UTC`;
