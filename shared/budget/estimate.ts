/** What a run will ask and cost, told before anything is paid. */
import type { ModelRef, RunConfig } from "../schemas/config.ts";
import type { StageName } from "../schemas/rows.ts";
import { costMicros, IMAGE_TOKENS_BOUND } from "./cost.ts";

/** Per answer: words and claims of a detailed description. rlaifv-spec §1.10: about ten claims. Words: our choice. */
export const TYPICAL_ANSWER = { tokens: 160, claims: 10 };
/** Prompt tokens of our own instructions, per call. A guess from their length, not counted with a tokenizer. */
const INSTRUCTION_TOKENS: Record<StageName, number> = { generate: 40, divide: 260, question: 240, score: 40 };
/** A claim and its question. Our choice. */
const CLAIM_TOKENS = 16;
/** Of the claims of ten answers to one question this share is asked once: answers repeat each other. Our choice; two rounds of the embedded world showed 0.42 and 0.41. */
const DISTINCT_CLAIMS = 0.5;

export type StageEstimate = { stage: StageName; requests: number; usdMicros: number };
export type Estimate = { stages: StageEstimate[]; usdMicros: number; unpriced: string[] };

/** Likely requests and cost of the dataset of `samples` samples; evaluation and training come on top and are local. */
export function estimateRun(config: RunConfig, samples: number): Estimate {
  const answers = samples * config.generate.candidates;
  const claims = answers * TYPICAL_ANSWER.claims;
  const labels = Math.ceil(claims * DISTINCT_CLAIMS);
  const { tokens } = TYPICAL_ANSWER;
  const stages: StageEstimate[] = [
    stage("generate", [config.policy], samples, {
      prompt: IMAGE_TOKENS_BOUND,
      completion: tokens * config.generate.candidates,
    }),
    stage("divide", [config.divider], answers, { prompt: tokens, completion: TYPICAL_ANSWER.claims * CLAIM_TOKENS }),
    stage("question", [config.questioner], answers, {
      prompt: TYPICAL_ANSWER.claims * CLAIM_TOKENS,
      completion: TYPICAL_ANSWER.claims * CLAIM_TOKENS,
    }),
    stage("score", config.labelers, labels, { prompt: IMAGE_TOKENS_BOUND + CLAIM_TOKENS, completion: 1 }),
  ];
  const models = [config.policy, config.divider, config.questioner, ...config.labelers];
  const unpriced = models
    .filter((model) => model.engine !== "embedded" && model.price === undefined)
    .map(({ model }) => model);
  return {
    stages,
    usdMicros: stages.reduce((sum, { usdMicros }) => sum + usdMicros, 0),
    unpriced: [...new Set(unpriced)],
  };
}

function stage(
  name: StageName,
  models: readonly ModelRef[],
  requests: number,
  tokens: { prompt: number; completion: number },
): StageEstimate {
  const prompt_tokens = requests * (tokens.prompt + INSTRUCTION_TOKENS[name]);
  const completion_tokens = requests * tokens.completion;
  const usage = { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
  const usdMicros = models.reduce((sum, model) => sum + costMicros(model, { usage, seconds: 0 }), 0);
  return { stage: name, requests: requests * models.length, usdMicros };
}
