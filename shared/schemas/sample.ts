/** What a sample holds after each stage: one JSON line of a shard file, each stage adding to the last. */
import { z } from "zod";

export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** One (image, question). `metadata` is the user's own and travels to the exports untouched. */
export const Submitted = z.strictObject({
  sampleId: z.string(),
  image: z.strictObject({ sha256: Sha256, path: z.string(), width: z.int(), height: z.int() }),
  question: z.string().min(1),
  /** A ground hint such as a landmark's name; never shown to a model (rlaifv-spec §1.1). */
  reference: z.string().optional(),
  metadata: z.record(z.string(), z.unknown()),
});
export type Submitted = z.infer<typeof Submitted>;

/** One sampled answer. */
export const Candidate = z.strictObject({
  candidateId: z.string(),
  /** Place among the sample's candidates, from 0. */
  index: z.int().min(0),
  text: z.string(),
  /** The server's reason; `length` means the answer was cut at max_tokens. */
  finishReason: z.string(),
  completionTokens: z.int().min(0).nullable(),
});
export type Candidate = z.infer<typeof Candidate>;

export const Generated = Submitted.extend({ candidates: z.array(Candidate) });
export type Generated = z.infer<typeof Generated>;

/** One atomic statement of an answer. */
export const Claim = z.strictObject({
  claimId: z.string(),
  text: z.string().min(1),
  /** Already there when claims and questions were asked for in one call. */
  question: z.string().min(1).optional(),
});
export type Claim = z.infer<typeof Claim>;

/** `unusable` says why a candidate's claims cannot be trusted to be complete; such a candidate is never paired. */
export const CandidateIssue = z.enum([
  "request_failed",
  "empty_answer",
  "no_claims",
  "cut_claim_list",
  "unparsable_claims",
  "claim_question_mismatch",
]);
export type CandidateIssue = z.infer<typeof CandidateIssue>;

export const DividedCandidate = Candidate.extend({ claims: z.array(Claim), unusable: CandidateIssue.optional() });
export type DividedCandidate = z.infer<typeof DividedCandidate>;
export const Divided = Submitted.extend({ candidates: z.array(DividedCandidate) });
export type Divided = z.infer<typeof Divided>;

/** A claim with the yes/no question the labeler will see. */
export const QuestionedClaim = Claim.extend({ question: z.string().min(1) });
export type QuestionedClaim = z.infer<typeof QuestionedClaim>;
export const QuestionedCandidate = DividedCandidate.extend({ claims: z.array(QuestionedClaim) });
export type QuestionedCandidate = z.infer<typeof QuestionedCandidate>;
export const Questioned = Submitted.extend({ candidates: z.array(QuestionedCandidate) });
export type Questioned = z.infer<typeof Questioned>;

/** One labeler's probabilities for one claim question, all spellings of each word summed. */
export const ClaimLabel = z.strictObject({ pYes: z.number().min(0).max(1), pNo: z.number().min(0).max(1) });
export type ClaimLabel = z.infer<typeof ClaimLabel>;

/** `abstained` exists in strict mode only: no vote, neither for nor against. */
export const Verdict = z.enum(["accepted", "rejected", "abstained"]);
export type Verdict = z.infer<typeof Verdict>;

export const ScoredClaim = QuestionedClaim.extend({
  /** In the order of the config's labelers; null where that labeler gave no usable reply. */
  labels: z.array(ClaimLabel.nullable()),
  verdict: Verdict,
  /** The same words as an earlier claim of this answer (strict mode rejects it). */
  repeated: z.boolean(),
});
export type ScoredClaim = z.infer<typeof ScoredClaim>;

export const ScoredCandidate = DividedCandidate.extend({
  claims: z.array(ScoredClaim),
  /** −(rejected claims); null for a candidate without a trustworthy claim list. */
  score: z.int().max(0).nullable(),
});
export type ScoredCandidate = z.infer<typeof ScoredCandidate>;
export const Scored = Submitted.extend({ candidates: z.array(ScoredCandidate) });
export type Scored = z.infer<typeof Scored>;
