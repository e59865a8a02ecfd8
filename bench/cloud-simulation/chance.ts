import type { Random } from "../../shared/random.ts";

/** Normal deviate (Box and Muller). */
export const gaussian = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** Time until something happens that happens `perHour` times an hour, in seconds; never where it does not. */
export const waitFor = (perHour: number, random: Random): number =>
  perHour > 0 ? (-Math.log(1 - random()) * 3600) / perHour : Number.POSITIVE_INFINITY;

/** How many of `count` do what each does with probability `share`. */
export function howMany(count: number, share: number, random: Random): number {
  if (share <= 0) return 0;
  let many = 0;
  for (let at = 0; at < count; at++) if (random() < share) many++;
  return many;
}
