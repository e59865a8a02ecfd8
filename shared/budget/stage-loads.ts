/** What a stage is likely to ask: requests and tokens, from the typical answer. */
import type { Usage } from "../schemas/chat.ts";
import type { ModelRef, RunConfig } from "../schemas/config.ts";
import type { StageName } from "../schemas/rows.ts";
import { IMAGE_TOKENS_BOUND } from "./cost.ts";
import { modelSize } from "./model-sizes.ts";

/** Per answer: words and claims of a detailed description. rlaifv-spec §1.10: about ten claims. Words: our choice. */
export const TYPICAL_ANSWER = { tokens: 160, claims: 10 };
/** Prompt tokens of our own instructions, per call. A guess from their length, not counted with a tokenizer. */
const INSTRUCTION_TOKENS: Record<StageName, number> = { generate: 40, divide: 260, question: 240, score: 40 };
/** A claim and its question. Our choice. */
const CLAIM_TOKENS = 16;
/** Of the claims of ten answers to one question this share is asked once: answers repeat each other. Our choice; two rounds of the embedded world showed 0.42 and 0.41. */
const DISTINCT_CLAIMS = 0.5;

/** What one stage asks of each of its models: requests, and per request prompt tokens beside the image, completion tokens, and whether it sees the image. */
export type StageLoad = {
  stage: StageName;
  models: readonly ModelRef[];
  requests: number;
  text: number;
  completion: number;
  /** Samples whose image is read; its other requests find it in the prefix cache. 0: no image. */
  images: number;
};

/** Likely requests of all models for `samples` samples. */
export function stageLoads(config: RunConfig, samples: number): StageLoad[] {
  const answers = samples * config.generate.candidates;
  const labels = Math.ceil(answers * TYPICAL_ANSWER.claims * DISTINCT_CLAIMS);
  const claims = TYPICAL_ANSWER.claims * CLAIM_TOKENS;
  const { tokens } = TYPICAL_ANSWER;
  const load = (stage: StageName, rest: Omit<StageLoad, "stage">): StageLoad => ({
    stage,
    ...rest,
    text: rest.text + INSTRUCTION_TOKENS[stage],
  });
  return [
    load("generate", {
      models: [config.policy],
      requests: samples,
      text: 0,
      completion: tokens * config.generate.candidates,
      images: samples,
    }),
    load("divide", { models: [config.divider], requests: answers, text: tokens, completion: claims, images: 0 }),
    load("question", { models: [config.questioner], requests: answers, text: claims, completion: claims, images: 0 }),
    load("score", { models: config.labelers, requests: labels, text: CLAIM_TOKENS, completion: 1, images: samples }),
  ];
}

/**
 * Likely tokens of one model for a stage. A server bills every image, as large as any may be; on our own GPUs an image has
 * the tokens of its model and is read once a sample.
 */
export function usageOf(load: Omit<StageLoad, "models">, model: ModelRef): Usage {
  const own = model.engine === "modal";
  const image = own ? modelSize(model).imageTokens : IMAGE_TOKENS_BOUND;
  const prompt_tokens = load.requests * (load.text + (load.images > 0 ? image : 0));
  const completion_tokens = load.requests * load.completion;
  const usage = { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
  if (!own || load.images === 0) return usage;
  return { ...usage, prompt_tokens_details: { cached_tokens: (load.requests - load.images) * image } };
}
