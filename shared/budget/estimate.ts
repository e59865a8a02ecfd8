/** What a run will ask and cost, told before anything is paid. */
import type { RunConfig } from "../schemas/config.ts";
import type { StageName } from "../schemas/rows.ts";
import { costMicros } from "./cost.ts";
import { estimateGpu, type GpuEstimate } from "./estimate-gpu.ts";
import { stageLoads, usageOf } from "./stage-loads.ts";

export type StageEstimate = { stage: StageName; requests: number; usdMicros: number };
export type Estimate = {
  stages: StageEstimate[];
  /** Of the stages, and of training where a GPU does it. */
  usdMicros: number;
  unpriced: string[];
  /** Where a model or the trainer runs on Modal. */
  gpu?: GpuEstimate;
};

/** Likely requests and cost of the pairs of all rounds from `samples` samples. Evaluation comes on top, and training unless a GPU does it. */
export function estimateRun(config: RunConfig, samples: number): Estimate {
  const walks = config.roundData === "all" ? samples * config.rounds : samples;
  const loads = stageLoads(config, walks);
  const stages = loads.map((load) => ({
    stage: load.stage,
    requests: load.requests * load.models.length,
    usdMicros: load.models.reduce(
      (sum, model) => sum + costMicros(model, { usage: usageOf(load, model), seconds: 0 }),
      0,
    ),
  }));
  const gpu = estimateGpu(config, loads, walks);
  const models = [config.policy, config.divider, config.questioner, ...config.labelers];
  const unpriced = models
    .filter(({ engine, price }) => engine === "openai" && price === undefined)
    .map(({ model }) => model);
  return {
    stages,
    usdMicros: stages.reduce((sum, { usdMicros }) => sum + usdMicros, 0) + (gpu?.training?.usdMicros ?? 0),
    unpriced: [...new Set(unpriced)],
    ...(gpu === undefined ? {} : { gpu }),
  };
}
