/** What durable-writer.ts writes, so that a test can check it. */
import type { SampleRow } from "../../shared/schemas/rows.ts";

export const RUN = "run-a";
export const HOT_KEY = "hot/state.json";

export function sampleOf(index: number): SampleRow {
  const pointer = { key: "runs/a/submitted/0.jsonl", offset: index, length: 1 };
  const sampleId = `smp_${(index * 7919) % 99_991}_${index}`;
  return { runId: RUN, passId: "1.train", sampleId, shardId: `${index % 5}`, state: "submitted", attempt: 0, pointer };
}

export function replyOf(index: number): string {
  return `${index}`.repeat((index * 31) % 400);
}

export function keyOf(index: number): string {
  return `shards/${index % 4}/${index}.jsonl`;
}

/** Begins with its number and ends with a full stop: a torn copy is told at once. up to 20 kB. */
export function contentOf(index: number): string {
  return `${index}:${"x".repeat((index * 7919) % 20_000)}.`;
}
