/** A sample's line of a shard file, whatever stage it has come to. */
import { z } from "zod";
import { readRecord } from "../../shared/jsonl.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { SampleRow } from "../../shared/schemas/rows.ts";
import { Candidate, CandidateIssue, Claim, ClaimLabel, Submitted, Verdict } from "../../shared/schemas/sample.ts";

const StoredClaim = Claim.extend({
  labels: z.array(ClaimLabel.nullable()).optional(),
  verdict: Verdict.optional(),
  repeated: z.boolean().optional(),
});
export type StoredClaim = z.infer<typeof StoredClaim>;

const StoredCandidate = Candidate.extend({
  claims: z.array(StoredClaim).default([]),
  unusable: CandidateIssue.optional(),
  score: z.int().max(0).nullable().optional(),
});
export type StoredCandidate = z.infer<typeof StoredCandidate>;

export const StoredSample = Submitted.extend({ candidates: z.array(StoredCandidate).default([]) });
export type StoredSample = z.infer<typeof StoredSample>;

export type RowWithContent = { row: SampleRow; line: unknown; sample: StoredSample };

/** Files read at once. Our choice: below what one disk or one S3 connection pool does at once. */
const READ_AT_ONCE = 50;

/** The content of each row, in order; each is one range read. */
export async function readContents(
  rows: readonly SampleRow[],
  blobs: Pick<BlobStore, "read">,
): Promise<RowWithContent[]> {
  const contents: RowWithContent[] = [];
  for (let first = 0; first < rows.length; first += READ_AT_ONCE) {
    const group = rows.slice(first, first + READ_AT_ONCE);
    contents.push(...(await Promise.all(group.map((row) => readContent(row, blobs)))));
  }
  return contents;
}

export async function readContent(row: SampleRow, blobs: Pick<BlobStore, "read">): Promise<RowWithContent> {
  const line = await readRecord(blobs, row.pointer);
  return { row, line, sample: StoredSample.parse(line) };
}
