/** A sample as the API tells it. */
import type { ClaimLabel, Verdict } from "../../shared/schemas/sample.ts";
import type { CandidateView, ClaimView, SampleItem } from "./contract/samples.ts";
import type { ListedSample, RowWithContent, StoredCandidate, StoredClaim } from "./stored-sample.ts";

export function sampleItem({ row, sample }: RowWithContent): SampleItem {
  const { sha256, width, height } = sample.image;
  return {
    id: row.sampleId,
    pass_id: row.passId,
    state: row.state,
    reason: row.reason ?? null,
    image: { sha256, url: imageUrl(sha256), width, height },
    question: sample.question,
    candidates: sample.candidates.length,
    claims: verdictCounts(sample),
  };
}

/** Of all answers together. */
export function verdictCounts({ candidates }: Pick<ListedSample, "candidates">): Record<Verdict, number> {
  const counts = { accepted: 0, rejected: 0, abstained: 0 };
  for (const { claims } of candidates) {
    for (const { verdict } of claims) if (verdict !== undefined) counts[verdict]++;
  }
  return counts;
}

export const imageUrl = (sha256: string): string => `/v1/images/${sha256}`;

export function candidateView(candidate: StoredCandidate): CandidateView {
  const { candidateId, index, text, finishReason, score, unusable, claims } = candidate;
  return {
    id: candidateId,
    index,
    text,
    finish_reason: finishReason,
    score: score ?? null,
    unusable: unusable ?? null,
    claims: claims.map(claimView),
  };
}

function claimView({ text, question, labels = [], verdict, repeated }: StoredClaim): ClaimView {
  return {
    text,
    question: question ?? null,
    p_yes: meanOf(labels, "pYes"),
    p_no: meanOf(labels, "pNo"),
    labels: labels.map((label) => (label === null ? null : { p_yes: label.pYes, p_no: label.pNo })),
    verdict: verdict ?? null,
    repeated: repeated ?? false,
  };
}

/** Over the labelers that answered. */
function meanOf(labels: readonly (ClaimLabel | null)[], field: keyof ClaimLabel): number | null {
  const values = labels.flatMap((label) => (label === null ? [] : [label[field]]));
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
