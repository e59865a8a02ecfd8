import type { SampleMove, SampleRow } from "../../shared/schemas/rows.ts";

export const RUN = "run-a";
export const PASS = "1.train";

export function sampleRow(facts: Partial<SampleRow>): SampleRow {
  const pointer = { key: "runs/a/submitted/shard-0.jsonl", offset: 0, length: 100 };
  return {
    runId: RUN,
    passId: PASS,
    sampleId: "smp_0",
    shardId: "shard-0",
    state: "submitted",
    attempt: 0,
    pointer,
    ...facts,
  };
}

export function forward(sampleId: string): SampleMove {
  return { sampleId, from: "submitted", attempt: 0, to: "generated" };
}
