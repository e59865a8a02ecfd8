import { z } from "zod";

/** Kinds by Modal's names; prices in shared/budget/prices.ts. */
export const GpuKind = z.enum([
  "B200",
  "H200",
  "H100",
  "RTX-PRO-6000",
  "A100-80GB",
  "A100-40GB",
  "L40S",
  "A10",
  "L4",
  "T4",
]);
export type GpuKind = z.infer<typeof GpuKind>;
