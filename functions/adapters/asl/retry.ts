/** What Retry and Catch make of a failure. */
import type { Catcher, Retrier } from "./definition.ts";
import { errorMatches } from "./errors.ts";

type Recovery =
  | { outcome: "retry"; retries: number[]; delayMs: number }
  | { outcome: "caught"; catcher: Catcher }
  | { outcome: "failed" };

type Guards = { Retry?: Retrier[] | undefined; Catch?: Catcher[] | undefined };

/** Delay before retry number `done` + 1, in milliseconds. `random` in [0, 1) spreads it with JitterStrategy FULL. */
export function retryDelayMs(retrier: Retrier, done: number, random: () => number): number {
  const grown = retrier.IntervalSeconds * retrier.BackoffRate ** done;
  const capped = Math.min(grown, retrier.MaxDelaySeconds ?? Number.POSITIVE_INFINITY);
  return 1000 * (retrier.JitterStrategy === "FULL" ? capped * random() : capped);
}

/** The first retrier that names the error decides; it counts its own attempts. Then the first catcher. */
export function recoveryFrom(
  guards: Guards,
  retries: readonly number[],
  { error, random }: { error: string; random: () => number },
): Recovery {
  const retriers = guards.Retry ?? [];
  const at = retriers.findIndex(({ ErrorEquals }) => errorMatches(ErrorEquals, error));
  const retrier = retriers[at];
  const done = retries[at] ?? 0;
  if (retrier !== undefined && done < retrier.MaxAttempts) {
    const counted = retriers.map((_, index) => (retries[index] ?? 0) + (index === at ? 1 : 0));
    return { outcome: "retry", retries: counted, delayMs: retryDelayMs(retrier, done, random) };
  }
  const catcher = guards.Catch?.find(({ ErrorEquals }) => errorMatches(ErrorEquals, error));
  return catcher === undefined ? { outcome: "failed" } : { outcome: "caught", catcher };
}
