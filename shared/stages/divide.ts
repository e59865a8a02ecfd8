import { claimIdOf } from "../ids.ts";
import { type PromptStyle, promptStyleOf } from "../presets.ts";
import { seedFor } from "../random.ts";
import type { ChatReply, ChatRequest } from "../schemas/chat.ts";
import { type Candidate, type CandidateIssue, Divided, type DividedCandidate, Generated } from "../schemas/sample.ts";
import { addLosses, type Losses } from "../states/losses.ts";
import { type ListItem, type ParsedList, parseList, parseListAsRlaifv } from "./lists.ts";
import { CLAIMS_AND_QUESTIONS_FORMAT, CLAIMS_FORMAT, dividePrompt, presetPrompt } from "./prompts.ts";
import { replyText } from "./replies.ts";
import type { ModelStage, StageContext } from "./stage.ts";
import { windowsOf } from "./text.ts";

/** What one candidate's replies amount to. */
type Reading =
  | { outcome: "claims"; items: ListItem[] }
  | { outcome: "unusable"; issue: CandidateIssue; losses: Losses }
  | { outcome: "retry"; requests: ChatRequest[] };

/**
 * Every answer as a list of claims: one request per candidate, or per window of whole sentences when the answer is long.
 * A list cut at max_tokens is asked once more with twice the room. What is no list is counted, never guessed.
 */
export const divide: ModelStage<Generated, Divided> = {
  name: "divide",
  from: "generated",
  to: "divided",
  input: Generated,
  output: Divided,

  ask(sample, context) {
    return sample.candidates.flatMap((candidate) =>
      windows(candidate, context).map((_, window) => request(sample, candidate, { window, retry: false }, context)),
    );
  },

  absorb(sample, replies, context) {
    const readings = sample.candidates.map((candidate) => readCandidate(sample, candidate, replies, context));
    const retries = readings.flatMap((reading) => (reading.outcome === "retry" ? reading.requests : []));
    if (retries.length > 0) return { outcome: "more", requests: retries };
    const candidates = sample.candidates.map((candidate, at) => dividedCandidate(candidate, readings[at]!));
    const losses = addLosses(...readings.map((reading) => (reading.outcome === "unusable" ? reading.losses : {})));
    const asked = candidates.filter((candidate) => candidate.text !== "");
    if (asked.length > 0 && asked.every((candidate) => candidate.unusable === "request_failed")) {
      return { outcome: "parked", reason: `divide: ${firstFailure(replies)}`, losses };
    }
    return { outcome: "done", sample: { ...sample, candidates }, losses };
  },
};

function windows(candidate: Candidate, context: StageContext): string[] {
  return windowsOf(candidate.text, context.config.divide.windowWords);
}

function customId(candidate: Candidate, part: { window: number; retry: boolean }): string {
  return `${candidate.candidateId}/divide/${part.window}${part.retry ? "/retry" : ""}`;
}

function request(
  sample: Generated,
  candidate: Candidate,
  part: { window: number; retry: boolean },
  context: StageContext,
): ChatRequest {
  const { temperature, maxTokens } = context.config.divide;
  const answer = windows(candidate, context)[part.window]!;
  const style = promptStyleOf(context.config.divider, "divide");
  return {
    custom_id: customId(candidate, part),
    target: "divider/0",
    body: {
      ...wording(sample.question, answer, style, context),
      temperature,
      max_tokens: part.retry ? 2 * maxTokens : maxTokens,
      // From the words alone: equal answers are asked, computed and paid for once.
      seed: seedFor(context.config.seed, "divide", sample.question, answer),
    },
  };
}

function wording(question: string, answer: string, style: PromptStyle | undefined, context: StageContext) {
  if (style !== undefined) {
    const content = presetPrompt(style, { question, answer });
    return {
      messages: [{ role: "user" as const, content }],
      ...(style.topP === undefined ? {} : { top_p: style.topP }),
    };
  }
  const json = context.structuredOutput.divider;
  const withQuestions = context.config.divide.mode === "one_call";
  const content = dividePrompt({ question, answer, shape: json ? "json" : "list", withQuestions });
  const format = withQuestions ? CLAIMS_AND_QUESTIONS_FORMAT : CLAIMS_FORMAT;
  return { messages: [{ role: "user" as const, content }], ...(json ? { response_format: format } : {}) };
}

function readCandidate(
  sample: Generated,
  candidate: Candidate,
  replies: ReadonlyMap<string, ChatReply>,
  context: StageContext,
): Reading {
  if (candidate.text === "") return { outcome: "unusable", issue: "empty_answer", losses: {} }; // counted by generate
  const readings = windows(candidate, context).map((_, window): Reading => {
    const retried = replies.has(customId(candidate, { window, retry: true }));
    const reading = readReply(replies.get(customId(candidate, { window, retry: retried })), context);
    if (reading !== "cut") return reading;
    if (!retried) return { outcome: "retry", requests: [request(sample, candidate, { window, retry: true }, context)] };
    return { outcome: "unusable", issue: "cut_claim_list", losses: { cut_claim_list: 1 } };
  });
  return joined(readings);
}

function readReply(reply: ChatReply | undefined, context: StageContext): Reading | "cut" {
  const read = replyText(reply);
  if (read.outcome === "failed") return { outcome: "unusable", issue: "request_failed", losses: { failed_request: 1 } };
  if (read.cut) return "cut";
  const list = parsed(read.text, promptStyleOf(context.config.divider, "divide"));
  if (list.outcome === "list") return { outcome: "claims", items: list.items };
  return { outcome: "unusable", issue: "unparsable_claims", losses: { unparsable_claims: 1 } };
}

function parsed(text: string, style: PromptStyle | undefined): ParsedList<ListItem> {
  if (style?.list !== "rlaifv") return parseList(text);
  const items = parseListAsRlaifv(text).filter((item) => item !== "");
  return { outcome: "list", items: items.map((item) => ({ text: item })) };
}

/** The windows of one answer as one: all lists in a row, or what the first bad window says. */
function joined(readings: readonly Reading[]): Reading {
  const unusable = readings.find((reading) => reading.outcome === "unusable");
  if (unusable !== undefined) return unusable;
  const retries = readings.flatMap((reading) => (reading.outcome === "retry" ? reading.requests : []));
  if (retries.length > 0) return { outcome: "retry", requests: retries };
  const items = readings.flatMap((reading) => (reading.outcome === "claims" ? reading.items : []));
  if (items.length > 0) return { outcome: "claims", items };
  return { outcome: "unusable", issue: "no_claims", losses: { no_claims: 1 } };
}

function dividedCandidate(candidate: Candidate, reading: Reading): DividedCandidate {
  if (reading.outcome === "unusable") return { ...candidate, claims: [], unusable: reading.issue };
  if (reading.outcome === "retry") throw new Error(`candidate ${candidate.candidateId} still waits for a retry`);
  const claims = reading.items.map((item, position) => ({
    claimId: claimIdOf(candidate.candidateId, position),
    ...item,
  }));
  return { ...candidate, claims };
}

function firstFailure(replies: ReadonlyMap<string, ChatReply>): string {
  for (const reply of replies.values()) {
    const read = replyText(reply);
    if (read.outcome === "failed") return `all requests failed, the first with ${read.message}`;
  }
  return "no reply came back";
}
