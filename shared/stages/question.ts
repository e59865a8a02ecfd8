import { type PromptStyle, promptStyleOf } from "../presets.ts";
import { seedFor } from "../random.ts";
import type { ChatReply, ChatRequest } from "../schemas/chat.ts";
import {
  type CandidateIssue,
  type Claim,
  Divided,
  type DividedCandidate,
  Questioned,
  type QuestionedCandidate,
  type QuestionedClaim,
} from "../schemas/sample.ts";
import { addLosses, type Losses } from "../states/losses.ts";
import { parseList, parseListAsRlaifv } from "./lists.ts";
import { bullets, presetPrompt, QUESTIONS_FORMAT, questionPrompt } from "./prompts.ts";
import { replyText } from "./replies.ts";
import type { ModelStage, StageContext } from "./stage.ts";

type Reading =
  | { outcome: "questions"; questions: string[] }
  | { outcome: "unusable"; issue: CandidateIssue; losses: Losses }
  | { outcome: "singly"; requests: ChatRequest[] };

/**
 * Every claim as a yes/no question: one request for all claims of a candidate. Unless exactly as many questions as claims
 * come back, each claim is asked for alone; no question is ever joined to a claim by guessing.
 */
export const question: ModelStage<Divided, Questioned> = {
  name: "question",
  from: "divided",
  to: "questioned",
  input: Divided,
  output: Questioned,

  ask(sample, context) {
    return sample.candidates
      .filter(needsQuestions)
      .map((candidate) => request(listId(candidate), candidate.claims, context));
  },

  absorb(sample, replies, context) {
    const readings = sample.candidates.map((candidate) => readCandidate(candidate, replies, context));
    const singles = readings.flatMap((reading) => (reading.outcome === "singly" ? reading.requests : []));
    if (singles.length > 0) return { outcome: "more", requests: singles };
    const candidates = sample.candidates.map((candidate, at) => questionedCandidate(candidate, readings[at]!));
    const losses = addLosses(...readings.map((reading) => (reading.outcome === "unusable" ? reading.losses : {})));
    const asked = candidates.filter((_, at) => needsQuestions(sample.candidates[at]!));
    if (asked.length > 0 && asked.every((candidate) => candidate.unusable === "request_failed")) {
      return { outcome: "parked", reason: "question: all requests failed", losses };
    }
    return { outcome: "done", sample: { ...sample, candidates }, losses };
  },
};

/** Claims divided with `one_call` bring their questions along. */
function needsQuestions(candidate: DividedCandidate): boolean {
  return candidate.unusable === undefined && candidate.claims.some((claim) => claim.question === undefined);
}

function listId(candidate: DividedCandidate): string {
  return `${candidate.candidateId}/question`;
}

function singleId(candidate: DividedCandidate, position: number): string {
  return `${candidate.candidateId}/question/${position}`;
}

function request(customId: string, claims: readonly Claim[], context: StageContext): ChatRequest {
  const statements = claims.map((claim) => claim.text);
  const { temperature, maxTokens } = context.config.divide;
  return {
    custom_id: customId,
    target: "questioner/0",
    body: {
      ...wording(statements, promptStyleOf(context.config.questioner, "question"), context),
      temperature,
      max_tokens: maxTokens,
      seed: seedFor(context.config.seed, "question", ...statements),
    },
  };
}

function wording(statements: readonly string[], style: PromptStyle | undefined, context: StageContext) {
  if (style !== undefined) {
    const content = presetPrompt(style, { statements: bullets(statements) });
    return {
      messages: [{ role: "user" as const, content }],
      ...(style.topP === undefined ? {} : { top_p: style.topP }),
    };
  }
  const json = context.structuredOutput.questioner;
  const content = questionPrompt(statements, json ? "json" : "list");
  return { messages: [{ role: "user" as const, content }], ...(json ? { response_format: QUESTIONS_FORMAT } : {}) };
}

function readCandidate(
  candidate: DividedCandidate,
  replies: ReadonlyMap<string, ChatReply>,
  context: StageContext,
): Reading {
  if (!needsQuestions(candidate))
    return { outcome: "questions", questions: candidate.claims.map((claim) => claim.question!) };
  const whole = readReply(replies.get(listId(candidate)), candidate.claims.length, context);
  if (whole.outcome !== "unusable" || whole.issue === "request_failed") return whole;
  const alone = candidate.claims.length === 1;
  const asked = candidate.claims.every((_, position) => replies.has(singleId(candidate, position)));
  if (asked && !alone)
    return joined(candidate.claims.map((_, position) => readSingle(candidate, position, replies, context)));
  if (alone) return whole;
  return {
    outcome: "singly",
    requests: candidate.claims.map((claim, position) => request(singleId(candidate, position), [claim], context)),
  };
}

function readSingle(
  candidate: DividedCandidate,
  position: number,
  replies: ReadonlyMap<string, ChatReply>,
  context: StageContext,
): Reading {
  return readReply(replies.get(singleId(candidate, position)), 1, context);
}

function readReply(reply: ChatReply | undefined, expected: number, context: StageContext): Reading {
  const read = replyText(reply);
  if (read.outcome === "failed") return unusable("request_failed", { failed_request: 1 });
  if (read.cut) return unusable("cut_claim_list", { cut_claim_list: 1 });
  const questions = questionsIn(read.text, promptStyleOf(context.config.questioner, "question"));
  if (questions === undefined) return unusable("unparsable_claims", { unparsable_claims: 1 });
  if (questions.length !== expected) return unusable("claim_question_mismatch", { claim_question_mismatch: 1 });
  return { outcome: "questions", questions };
}

function questionsIn(text: string, style: PromptStyle | undefined): string[] | undefined {
  if (style?.list === "rlaifv") return parseListAsRlaifv(text).filter((item) => item !== "");
  const list = parseList(text);
  return list.outcome === "list" ? list.items.map((item) => item.question ?? item.text) : undefined;
}

function unusable(issue: CandidateIssue, losses: Losses): Reading {
  return { outcome: "unusable", issue, losses };
}

function joined(readings: readonly Reading[]): Reading {
  const bad = readings.find((reading) => reading.outcome === "unusable");
  if (bad !== undefined) return bad;
  return {
    outcome: "questions",
    questions: readings.flatMap((reading) => (reading.outcome === "questions" ? reading.questions : [])),
  };
}

function questionedCandidate(candidate: DividedCandidate, reading: Reading): QuestionedCandidate {
  if (reading.outcome === "unusable") return { ...candidate, claims: [], unusable: reading.issue };
  if (reading.outcome === "singly") throw new Error(`candidate ${candidate.candidateId} still waits for its questions`);
  const claims = candidate.claims.map((claim, at): QuestionedClaim => ({ ...claim, question: reading.questions[at]! }));
  return { ...candidate, claims };
}
