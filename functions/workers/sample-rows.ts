/** The rows of a shard's samples before the first stage. */
import { readPointed } from "../../shared/jsonl.ts";
import { shardKey } from "../../shared/keys.ts";
import type { PassId, Pointer, SampleRow, ShardRow } from "../../shared/schemas/rows.ts";
import { Submitted } from "../../shared/schemas/sample.ts";
import type { WorkerDeps } from "./deps.ts";

type Shard = { runId: string; passId: PassId; shardId: string };

export function submittedRow(
  { runId, passId, shardId }: Shard,
  { sampleId, pointer }: { sampleId: string; pointer: Pointer },
): SampleRow {
  return { runId, passId, shardId, sampleId, state: "submitted", attempt: 0, pointer };
}

/** Creates the rows that `plan` left to the shard's first stage. Safe to repeat: rows that are there stay as they are. */
export async function createMissingRows(
  shard: ShardRow,
  { store, blobs }: Pick<WorkerDeps, "store" | "blobs">,
): Promise<void> {
  const { runId, passId, shardId, samples } = shard;
  const { items } = await store.samples.query({ runId, passId, shardId, limit: samples });
  if (items.length === samples) return;
  const rows: SampleRow[] = [];
  for await (const { record, pointer } of readPointed(blobs, shardKey(shard, "submitted")))
    rows.push(submittedRow(shard, { sampleId: Submitted.parse(record).sampleId, pointer }));
  await store.samples.createMany(rows);
}
