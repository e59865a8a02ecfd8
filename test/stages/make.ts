/** Samples, contexts and replies for the stage tests. */

import type { ChatReply, ChatRequest } from "../../shared/schemas/chat.ts";
import { RunConfig, type RunConfigInput } from "../../shared/schemas/config.ts";
import type { Generated, Submitted } from "../../shared/schemas/sample.ts";
import type { ModelStage, StageContext, StageResult } from "../../shared/stages/stage.ts";

const MODEL = { engine: "embedded" as const, model: "m" };

export const SAMPLE: Submitted = {
  sampleId: "smp_1",
  image: { sha256: "ab".repeat(32), path: "a.png", width: 96, height: 96 },
  question: "What is there?",
  metadata: { source: "test" },
};

export function contextOf(config: Partial<RunConfigInput> = {}, structured = false): StageContext {
  const base = { data: { path: "x.jsonl" }, policy: MODEL, divider: MODEL, questioner: MODEL, labelers: [MODEL] };
  return {
    config: RunConfig.parse({ ...base, ...config }),
    round: 1,
    policy: "policy-base",
    structuredOutput: { divider: structured, questioner: structured },
  };
}

export function generated(...texts: string[]): Generated {
  const candidates = texts.map((text, index) => ({
    candidateId: `cnd_${index}`,
    index,
    text,
    finishReason: "stop",
    completionTokens: null,
  }));
  return { ...SAMPLE, candidates };
}

export type TopToken = { token: string; logprob: number };

export function reply(request: ChatRequest, text: string, more: { finish?: string; top?: TopToken[] } = {}): ChatReply {
  const top = more.top?.map((one) => ({ ...one, top_logprobs: more.top! }));
  const choice = {
    index: 0,
    finish_reason: more.finish ?? "stop",
    message: { role: "assistant" as const, content: text },
    ...(top === undefined ? {} : { logprobs: { content: top.slice(0, 1) } }),
  };
  const completion = { id: "1", object: "chat.completion" as const, created: 0, model: "m", choices: [choice] };
  return { outcome: "completed", custom_id: request.custom_id, completion };
}

export function failed(request: ChatRequest): ChatReply {
  const failure = { code: "500", message: "server lost", retryable: true };
  return { outcome: "failed", custom_id: request.custom_id, failure };
}

/** Walks a stage to its end, answering every request with `answer`. Returns the result and all that was asked. */
export function walk<In extends Submitted, Out extends Submitted>(
  stage: ModelStage<In, Out>,
  sample: In,
  context: StageContext,
  answer: (request: ChatRequest) => ChatReply,
): { result: Exclude<StageResult<Out>, { outcome: "more" }>; asked: ChatRequest[] } {
  const asked = stage.ask(sample, context);
  const replies = new Map(asked.map((request) => [request.custom_id, answer(request)]));
  for (let turn = 0; turn < 5; turn++) {
    const result = stage.absorb(sample, replies, context);
    if (result.outcome !== "more") return { result, asked };
    for (const request of result.requests) {
      asked.push(request);
      replies.set(request.custom_id, answer(request));
    }
  }
  throw new Error("the stage keeps asking");
}

/** The sample of a stage that must have ended well. */
export function done<Out extends Submitted>(result: StageResult<Out>): Out {
  if (result.outcome !== "done") throw new Error(`the stage ended as ${result.outcome}`);
  return result.sample;
}

/** What a request says to the model, without images. */
export function textOf(request: ChatRequest): string {
  const { content } = request.body.messages[0]!;
  if (typeof content === "string") return content;
  return content.map((part) => (part.type === "text" ? part.text : "")).join("");
}
