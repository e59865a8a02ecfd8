/** The trust check of single answers: the same divide, question and score as in a run, without a run. */
import type { BoundModel } from "../../shared/answer.ts";
import { candidateIdOf, sampleIdOf } from "../../shared/ids.ts";
import { modelStage, STAGE_ORDER } from "../../shared/pipeline.ts";
import type { EngineInfo } from "../../shared/ports/engine.ts";
import type { ReplyCache } from "../../shared/ports/state-store.ts";
import { runStage } from "../../shared/run-stage.ts";
import type { ModelRef, RunConfig } from "../../shared/schemas/config.ts";
import type { Checkpoint } from "../../shared/schemas/rows.ts";
import { type Generated, Scored, type Submitted } from "../../shared/schemas/sample.ts";
import { bindModels } from "../workers/bind.ts";

export type AskedAnswers = {
  image: Submitted["image"];
  question: string;
  answers: readonly { text: string; finishReason: string }[];
};

/** A sample as if the policy had given these answers. */
export function answeredSample({ image, question, answers }: AskedAnswers): Generated {
  const sampleId = sampleIdOf({ imageSha256: image.sha256, question });
  const candidates = answers.map(({ text, finishReason }, index) => ({
    candidateId: candidateIdOf({ sampleId, index, model: "given", seed: 0 }),
    index,
    text,
    finishReason,
    completionTokens: null,
  }));
  return { sampleId, image, question, metadata: {}, candidates };
}

/** Whose divider, questioner and labelers judge, and whose policy answers where it is asked. */
export type WalkOptions = { config: RunConfig; checkpoint?: Checkpoint | undefined };

export type WalkDeps = {
  bind: (model: ModelRef, checkpoint: Checkpoint | undefined) => Promise<BoundModel & { info: EngineInfo }>;
  /** What was answered before is not asked again, so that the same check costs nothing the second time. */
  replies: ReplyCache;
  signal: AbortSignal;
};

/** The parts of a data folder that a walk needs. */
export function localWalk(
  { models, store }: { models: Pick<WalkDeps, "bind">; store: { replies: ReplyCache } },
  signal: AbortSignal,
): WalkDeps {
  return { bind: models.bind, replies: store.replies, signal };
}

/** A check that could not be made; the same one may succeed later. */
export class WalkFailure extends Error {
  override name = "WalkFailure";
}

/** Candidates in, scored candidates out. Throws a WalkFailure where the judges cannot be had. */
export async function scoreAnswers(sample: Generated, options: WalkOptions, deps: WalkDeps): Promise<Scored> {
  return Scored.parse(await walk(sample, STAGE_ORDER.slice(1), options, deps));
}

/** A question in, the policy's scored candidates out. Throws a WalkFailure where a model cannot be had. */
export async function generateAndScore(sample: Submitted, options: WalkOptions, deps: WalkDeps): Promise<Scored> {
  return Scored.parse(await walk(sample, STAGE_ORDER, options, deps));
}

async function walk(
  sample: Submitted,
  stages: readonly (typeof STAGE_ORDER)[number][],
  { config, checkpoint }: WalkOptions,
  { bind, replies, signal }: WalkDeps,
): Promise<Submitted> {
  const { context, models } = await bindModels({ config, round: 0, checkpoint }, bind);
  const deps = { context, models, cache: replies, signal, onReplies: () => {}, lastAttempt: true };
  let current = sample;
  for (const name of stages) {
    const outcome = await runStage(modelStage(name), [current], deps);
    if (outcome.outcome === "try_again") throw new WalkFailure(outcome.message);
    const result = outcome.results[0]!.result;
    if (result.outcome === "parked") throw new WalkFailure(`stage ${name}: ${result.reason}`);
    current = result.sample;
  }
  return current;
}
