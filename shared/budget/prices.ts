/** Every price the pipeline knows, in one dated table. USD. */
export const PRICES_AS_OF = "2026-07-01"; // modal.com/pricing as transcribed on that day

/** Per second. */
export const COMPUTE_PRICES = {
  /** One physical core (two vCPUs): what the embedded engine's time would cost on Modal. */
  "cpu-core": 0.0000131,
} as const;

/** USD are added up in millionths, as integers: sums of floats drift. */
export const MICROS_PER_USD = 1_000_000;

/** USD as millionths, rounded up: a bound stays a bound. */
export function toMicros(usd: number): number {
  return Math.ceil(usd * MICROS_PER_USD);
}
