/** What a run on rented GPUs takes: container seconds, money, hours. */
import type { GpuConfig, ModelRef, RunConfig } from "../schemas/config.ts";
import { GpuConfig as GpuConfigSchema } from "../schemas/config.ts";
import type { StageName } from "../schemas/rows.ts";
import { containerSeconds, fitsOn, gpuOf, trainSeconds } from "./gpu-time.ts";
import { modelSize } from "./model-sizes.ts";
import { containerPrice, toMicros } from "./prices.ts";
import { type StageLoad, TYPICAL_ANSWER, usageOf } from "./stage-loads.ts";

/** Pairs a sample: 5,342 of RLAIF-V's 4,000 instructions (rlaifv-spec §1.1). */
export const TYPICAL_PAIRS = 1.34;
/** From an empty pool to a model that answers: container, weights, engine. Our choice; 7B models take one minute to four. */
export const COLD_START_SECONDS = 120;
/** A question beside the image. Our choice. */
const QUESTION_TOKENS = 40;

export type GpuEstimate = {
  /** Busy seconds of containers, by stage; a stage with models elsewhere has 0. */
  stages: { stage: StageName; containerSeconds: number }[];
  /** All rounds together. */
  training?: { containerSeconds: number; usdMicros: number };
  /** From the start to the end, without queues for GPUs and without evaluation. */
  wallSeconds: number;
  /** What the figures do not rest on, and what cannot work. */
  warnings: string[];
};

/** Undefined when nothing runs on Modal. `walks`: samples of all rounds together. */
export function estimateGpu(config: RunConfig, loads: readonly StageLoad[], walks: number): GpuEstimate | undefined {
  const onModal = (model: ModelRef) => model.engine === "modal";
  const models = [config.policy, config.divider, config.questioner, ...config.labelers].filter(onModal);
  const training = estimateTraining(config, walks);
  if (models.length === 0 && training === undefined) return undefined;
  const stages = loads.map((load) => ({ stage: load.stage, models: load.models.filter(onModal), load }));
  const seconds = stages.map(({ models: asked, load }) =>
    asked.map((model) => ({ model, seconds: containerSeconds(model, usageOf(load, model)) })),
  );
  const wall = seconds.flat().reduce((sum, work) => sum + stageWall(work, config, walks), 0);
  return {
    stages: stages.map(({ stage }, at) => ({
      stage,
      containerSeconds: seconds[at]!.reduce((sum, work) => sum + work.seconds, 0),
    })),
    ...(training === undefined ? {} : { training }),
    wallSeconds: wall + (training === undefined ? 0 : training.containerSeconds + config.rounds * COLD_START_SECONDS),
    warnings: [...new Set(models.flatMap(warningsOf))],
  };
}

/** A stage starts cold in every round, and keeps as many containers busy as it may have and has shards for. */
function stageWall({ model, seconds }: { model: ModelRef; seconds: number }, config: RunConfig, walks: number): number {
  const shards = Math.max(1, Math.ceil(walks / config.rounds / config.shardSamples));
  const containers = Math.min(gpuOf(model).maxContainers, config.maxConcurrentShards, shards);
  return seconds / containers + config.rounds * COLD_START_SECONDS;
}

/** The trainer's GPUs; left out in the config: eight H100 for up to 24 h. */
export const trainGpuOf = (gpu: GpuConfig | undefined): GpuConfig =>
  gpu ?? GpuConfigSchema.parse({ kind: "H100", count: 8, maxContainers: 1, timeoutSeconds: 86_400 });

function estimateTraining({ train, policy, pair }: RunConfig, walks: number): GpuEstimate["training"] {
  if (train?.trainer !== "modal") return undefined;
  const gpu = trainGpuOf(train.gpu);
  const pairs = walks * Math.min(TYPICAL_PAIRS, pair.perSample ?? TYPICAL_PAIRS);
  const tokensPerAnswer = QUESTION_TOKENS + TYPICAL_ANSWER.tokens;
  const seconds = trainSeconds(policy.model, gpu, { pairs, tokensPerAnswer, epochs: train.epochs });
  return { containerSeconds: seconds, usdMicros: toMicros(seconds * containerPrice(gpu)) };
}

function warningsOf(model: ModelRef): string[] {
  const { kind, count } = gpuOf(model);
  const size = modelSize(model);
  const guessed =
    size.from === "guess"
      ? [`${model.model}: its size is not known, cost and time count it as ${size.billions} billion parameters`]
      : [];
  if (fitsOn(model)) return guessed;
  return [
    ...guessed,
    `${model.model}: ${size.billions} billion parameters in bf16 leave no room on ${count} × ${kind}; use gpu.kind or gpu.count for more memory`,
  ];
}
