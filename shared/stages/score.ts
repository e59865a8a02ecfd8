import { contentHash } from "../ids.ts";
import type { ChatChoice, ChatReply, ChatRequest } from "../schemas/chat.ts";
import type { RunConfig } from "../schemas/config.ts";
import {
  type ClaimLabel,
  Questioned,
  type QuestionedCandidate,
  Scored,
  type ScoredCandidate,
  type ScoredClaim,
} from "../schemas/sample.ts";
import { addLosses, type Losses } from "../states/losses.ts";
import { labelPrompt } from "./prompts.ts";
import { firstChoice } from "./replies.ts";
import type { ModelStage, StageContext } from "./stage.ts";
import { normalWords } from "./text.ts";
import { hasMass, verdictOf, yesNoMass } from "./verdict.ts";

/** The labels of one claim question, in the order of the labelers. */
type Labels = (ClaimLabel | null)[];

/**
 * One token from each labeler for every distinct claim question of the sample, with the image first and byte-identical so
 * that an engine reads it once. The answer's score is minus the number of rejected claims (paper §2.3, rlaifv-spec §1.6).
 */
export const score: ModelStage<Questioned, Scored> = {
  name: "score",
  from: "questioned",
  to: "scored",
  input: Questioned,
  output: Scored,

  ask(sample, context) {
    const questions = distinctQuestions(sample);
    return labelerPlaces(context.config).flatMap((labeler) =>
      questions.map((claimQuestion): ChatRequest => labelRequest(sample, claimQuestion, labeler)),
    );
  },

  absorb(sample, replies, context) {
    const questions = distinctQuestions(sample);
    const labels = new Map(questions.map((text) => [text, labelsOf(sample, text, replies, context)]));
    const all = [...labels.values()].flat();
    const failed = all.filter((label) => label === null).length;
    if (all.length > 0 && failed === all.length) {
      const reason = `score: ${whyNoLabel(replies.values().next().value)}`;
      return { outcome: "parked", reason, losses: { failed_label: failed } };
    }
    const scored = sample.candidates.map((candidate) => scoredCandidate(candidate, labels, context.config));
    const labelLosses: Losses = { failed_label: failed, low_mass: lowMass(all, context.config) };
    return {
      outcome: "done",
      sample: { ...sample, candidates: scored },
      losses: addLosses(labelLosses, ...scored.map(claimLosses)),
    };
  },
};

/** parity: the first labeler alone decides, as in RLAIF-V; the others are not asked. */
function labelerPlaces(config: RunConfig): number[] {
  return config.score.mode === "parity" ? [0] : config.labelers.map((_, place) => place);
}

function distinctQuestions(sample: Questioned): string[] {
  const usable = sample.candidates.filter((candidate) => candidate.unusable === undefined);
  return [...new Set(usable.flatMap((candidate) => candidate.claims.map((claim) => claim.question)))];
}

function customId(sample: Questioned, claimQuestion: string, labeler: number): string {
  return `${sample.sampleId}/score/${labeler}/${contentHash(claimQuestion)}`;
}

function labelRequest(sample: Questioned, claimQuestion: string, labeler: number): ChatRequest {
  const content = [
    { type: "image_url" as const, image_url: { url: `blob:${sample.image.sha256}` } },
    { type: "text" as const, text: labelPrompt(claimQuestion) },
  ];
  return {
    custom_id: customId(sample, claimQuestion, labeler),
    target: `labeler/${labeler}`,
    body: {
      messages: [{ role: "user", content }],
      max_tokens: 1,
      temperature: 0,
      logprobs: true,
      top_logprobs: 20, // the most that OpenAI's interface gives
    },
  };
}

function labelsOf(
  sample: Questioned,
  claimQuestion: string,
  replies: ReadonlyMap<string, ChatReply>,
  context: StageContext,
): Labels {
  return labelerPlaces(context.config).map((labeler) => {
    const reply = replies.get(customId(sample, claimQuestion, labeler));
    const tokens = reply?.outcome === "completed" ? firstTokens(firstChoice(reply.completion.choices)) : undefined;
    return tokens === undefined ? null : yesNoMass(tokens, context.config.score.mode);
  });
}

/** The candidates for the first token; the sampled one is added where a server lists only the others. */
function firstTokens(choice: ChatChoice | undefined): { token: string; logprob: number }[] | undefined {
  const first = choice?.logprobs?.content?.[0];
  if (first === undefined) return undefined;
  return first.top_logprobs.some((other) => other.token === first.token)
    ? first.top_logprobs
    : [first, ...first.top_logprobs];
}

function whyNoLabel(reply: ChatReply | undefined): string {
  if (reply === undefined) return "no labeler replied";
  if (reply.outcome === "failed")
    return `every label request failed, the first with ${reply.failure.code}: ${reply.failure.message}`;
  return "the labeler sends no logprobs; choose a server and model that support `logprobs` with `top_logprobs`";
}

function lowMass(labels: Labels, config: RunConfig): number {
  if (config.score.mode === "parity") return 0; // no threshold exists there
  return labels.filter((label) => label !== null && !hasMass(label, config.score)).length;
}

function scoredCandidate(
  candidate: QuestionedCandidate,
  labels: ReadonlyMap<string, Labels>,
  config: RunConfig,
): ScoredCandidate {
  const said = new Set<string>();
  const claims = candidate.claims.map((claim): ScoredClaim => {
    const words = normalWords(claim.text);
    const repeated = said.has(words);
    said.add(words);
    const claimLabels = labels.get(claim.question) ?? [];
    const byRepetition = repeated && config.score.mode === "strict";
    return {
      ...claim,
      labels: claimLabels,
      verdict: byRepetition ? "rejected" : verdictOf(claimLabels, config.score),
      repeated,
    };
  });
  return { ...candidate, claims, score: candidate.unusable === undefined ? scoreOf(claims) : null };
}

/** −(rejected claims); null without claims, with a claim that lacks a label, or when no claim got a vote. */
export function scoreOf(claims: readonly Pick<ScoredClaim, "labels" | "verdict">[]): number | null {
  const labelled = claims.every((claim) => claim.labels.length > 0 && !claim.labels.includes(null));
  const voted = claims.some((claim) => claim.verdict !== "abstained");
  return labelled && voted ? 0 - claims.filter((claim) => claim.verdict === "rejected").length : null;
}

function claimLosses(candidate: ScoredCandidate): Losses {
  const count = (matches: (claim: ScoredClaim) => boolean) => candidate.claims.filter(matches).length;
  return {
    repeated_claim: count((claim) => claim.repeated),
    abstained: count((claim) => claim.verdict === "abstained" && !claim.labels.includes(null)),
    tie: count((claim) => claim.labels.some((label) => label !== null && label.pYes === label.pNo)),
  };
}
