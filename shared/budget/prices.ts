/** Every price the pipeline knows, in one dated table. USD. */
import type { GpuKind } from "../schemas/gpu-kind.ts";

export const PRICES_AS_OF = "2026-07-01"; // modal.com/pricing as transcribed on that day

/** Per second. */
export const COMPUTE_PRICES = {
  /** One physical core (two vCPUs): what the embedded engine's time would cost on Modal. */
  "cpu-core": 0.0000131,
} as const;

/** One GPU of each kind, USD per second (modal.com/pricing, the same transcription). */
export const GPU_PRICES: Readonly<Record<GpuKind, number>> = {
  B200: 0.001736,
  H200: 0.001261,
  H100: 0.001097,
  "RTX-PRO-6000": 0.000842,
  "A100-80GB": 0.000694,
  "A100-40GB": 0.000583,
  L40S: 0.000542,
  A10: 0.000306,
  L4: 0.000222,
  T4: 0.000164,
};

/** What a container's CPU and memory cost beside its GPUs, USD per second: 8 cores and 64 GiB, our choice of size. */
export const CONTAINER_PRICE = 8 * 0.0000131 + 64 * 0.00000222;

/** One container of this kind, USD per second. */
export function containerPrice({ kind, count }: { kind: GpuKind; count: number }): number {
  return GPU_PRICES[kind] * count + CONTAINER_PRICE;
}

/** USD are added up in millionths, as integers: sums of floats drift. */
export const MICROS_PER_USD = 1_000_000;

/** USD as millionths, rounded up: a bound stays a bound. */
export function toMicros(usd: number): number {
  return Math.ceil(usd * MICROS_PER_USD);
}
