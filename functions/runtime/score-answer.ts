/** The trust check of single answers: the same divide, question and score as in a run, without a run. */

import { candidateIdOf, sampleIdOf } from "../../shared/ids.ts";
import { modelStage, STAGE_ORDER } from "../../shared/pipeline.ts";
import { runStage } from "../../shared/run-stage.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import type { Checkpoint } from "../../shared/schemas/rows.ts";
import { type Generated, Scored, type Submitted } from "../../shared/schemas/sample.ts";
import { bindModels } from "../workers/bind.ts";
import type { Local } from "./local.ts";

export type AskedAnswer = { image: Submitted["image"]; question: string; answer: string };

/** A sample as if the policy had given this answer. */
export function answeredSample({ image, question, answer }: AskedAnswer): Generated {
  const sampleId = sampleIdOf({ imageSha256: image.sha256, question });
  const candidateId = candidateIdOf({ sampleId, index: 0, model: "given", seed: 0 });
  const candidate = { candidateId, index: 0, text: answer, finishReason: "stop", completionTokens: null };
  return { sampleId, image, question, metadata: {}, candidates: [candidate] };
}

export type WalkOptions = { config: RunConfig; checkpoint?: Checkpoint | undefined; signal: AbortSignal };

/** Candidates in, scored candidates out. Replies are cached, so that the same check costs nothing the second time. */
export async function scoreAnswers(sample: Generated, options: WalkOptions, local: Local): Promise<Scored> {
  return Scored.parse(await walk(sample, STAGE_ORDER.slice(1), options, local));
}

/** A question in, the policy's scored candidates out. */
export async function generateAndScore(sample: Submitted, options: WalkOptions, local: Local): Promise<Scored> {
  return Scored.parse(await walk(sample, STAGE_ORDER, options, local));
}

async function walk(
  sample: Submitted,
  stages: readonly (typeof STAGE_ORDER)[number][],
  { config, checkpoint, signal }: WalkOptions,
  local: Local,
): Promise<Submitted> {
  const { context, models } = await bindModels({ config, round: 0, checkpoint }, local.models.bind);
  let current = sample;
  for (const name of stages) {
    const deps = { context, models, cache: local.store.replies, signal, onReplies: () => {}, lastAttempt: true };
    const outcome = await runStage(modelStage(name), [current], deps);
    if (outcome.outcome === "try_again") throw new Error(outcome.message);
    const result = outcome.results[0]!.result;
    if (result.outcome === "parked") throw new Error(`stage ${name}: ${result.reason}`);
    current = result.sample;
  }
  return current;
}
