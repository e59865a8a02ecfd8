/** What a simulated run used, and what that costs. */
import { CONTAINER_PRICE, GPU_PRICES } from "../../shared/budget/prices.ts";
import type { GpuConfig } from "../../shared/schemas/config.ts";
import type { GpuKind } from "../../shared/schemas/gpu-kind.ts";

/** us-east-1, read 2026-05 to 2026-09; free allowances are not taken off. */
export const AWS_PRICES = {
  dynamoWrites: { usd: 0.625, per: 1e6, unit: "write units", asOf: "2026-09-06" },
  dynamoReads: { usd: 0.125, per: 1e6, unit: "read units", asOf: "2026-09-06" },
  s3Writes: { usd: 0.005, per: 1e3, unit: "S3 PUT and LIST", asOf: "2026-09-28" },
  s3Reads: { usd: 0.0004, per: 1e3, unit: "S3 GET", asOf: "2026-09-28" },
  s3GigabyteMonths: { usd: 0.023, per: 1, unit: "GB-months in S3", asOf: "2026-09-28" },
  outsideGigabytes: { usd: 0.09, per: 1, unit: "GB out of AWS", asOf: "2026-09-16" },
  transitions: { usd: 0.025, per: 1e3, unit: "state transitions", asOf: "2026-03-14" },
  lambdaCalls: { usd: 0.2, per: 1e6, unit: "Lambda requests", asOf: "2026-05-05" },
  lambdaGigabyteSeconds: { usd: 0.0000166667, per: 1, unit: "Lambda GB-s (x86)", asOf: "2026-05-05" },
} as const;

export type AwsItem = keyof typeof AWS_PRICES;

export type Bill = {
  aws: Record<AwsItem, number>;
  /** GPU seconds by kind, from the start of a container to its end, with cold starts and idling. */
  gpuSeconds: Partial<Record<GpuKind, number>>;
  containerSeconds: number;
};

export function emptyBill(): Bill {
  const aws = Object.fromEntries(Object.keys(AWS_PRICES).map((item) => [item, 0])) as Bill["aws"];
  return { aws, gpuSeconds: {}, containerSeconds: 0 };
}

export function billContainer(bill: Bill, { kind, count }: Pick<GpuConfig, "kind" | "count">, seconds: number): void {
  bill.gpuSeconds[kind] = (bill.gpuSeconds[kind] ?? 0) + seconds * count;
  bill.containerSeconds += seconds;
}

export const awsUsd = (bill: Bill, item: AwsItem): number =>
  (bill.aws[item] * AWS_PRICES[item].usd) / AWS_PRICES[item].per;

/** USD by item, GPUs first; the CPU and memory beside the GPUs as one item. */
export function usdByItem(bill: Bill): { item: string; used: number; usd: number }[] {
  const gpus = Object.entries(bill.gpuSeconds).map(([kind, seconds]) => ({
    item: `${kind} seconds`,
    used: seconds,
    usd: seconds * GPU_PRICES[kind as GpuKind],
  }));
  const containers = {
    item: "CPU and memory beside them, s",
    used: bill.containerSeconds,
    usd: bill.containerSeconds * CONTAINER_PRICE,
  };
  const aws = (Object.keys(AWS_PRICES) as AwsItem[]).map((item) => ({
    item: AWS_PRICES[item].unit,
    used: bill.aws[item],
    usd: awsUsd(bill, item),
  }));
  return [...gpus, containers, ...aws];
}
