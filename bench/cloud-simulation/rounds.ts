/** The order of the loop in the simulation: plan, four stages, pair, train, and the next round. */
import { TYPICAL_PAIRS, trainGpuOf } from "../../shared/budget/estimate-gpu.ts";
import { containerSeconds, gpuOf, throughput, trainSeconds } from "../../shared/budget/gpu-time.ts";
import { stageLoads, TYPICAL_ANSWER, usageOf } from "../../shared/budget/stage-loads.ts";
import { LOOP_LIMITS } from "../../shared/loop-stages.ts";
import type { GpuConfig } from "../../shared/schemas/config.ts";
import type { StageName } from "../../shared/schemas/rows.ts";
import type { World } from "./figures.ts";
import type { Parts } from "./parts.ts";
import { runStage } from "./stage.ts";
import { pairWorker, planWorker } from "./workers.ts";

export type StageRun = {
  round: number;
  stage: StageName | "train";
  startedAt: number;
  endedAt: number;
  idealSeconds: number;
};
type Rounds = { stages: StageRun[]; samplesScored: number; makespanSeconds: number; idealSeconds: number };
type Round = { number: number; samples: number; run: Rounds };

/** Begins the first round; the answer tells how it went, once the queue is empty. */
export function runRounds(parts: Parts, samples: number): () => Rounds {
  const { config, queue } = parts;
  const run: Rounds = { stages: [], samplesScored: 0, makespanSeconds: 0, idealSeconds: 0 };

  function begin(number: number): void {
    run.makespanSeconds = queue.now();
    if (number > config.rounds) return;
    const dealt = config.roundData === "all" ? samples : shareOf(samples, config.rounds, number);
    const round = { number, samples: dealt, run };
    planWorker(parts, dealt, () => modelStage(parts, round, 0, () => train(parts, round, () => begin(number + 1))));
  }

  begin(1);
  return () => ({ ...run, idealSeconds: run.stages.reduce((sum, { idealSeconds }) => sum + idealSeconds, 0) });
}

const shareOf = (samples: number, rounds: number, number: number): number =>
  Math.floor((samples * number) / rounds) - Math.floor((samples * (number - 1)) / rounds);

function modelStage(parts: Parts, round: Round, at: number, then: () => void): void {
  const { config, queue, transitions, world } = parts;
  const load = stageLoads(config, 1)[at];
  if (load === undefined) {
    round.run.samplesScored += round.samples;
    pairWorker(parts, round.samples, then);
    return;
  }
  const { stage } = load;
  const startedAt = queue.now();
  const works = load.models.map((model) => ({
    pool: parts.poolOf(model, stage === "generate" && config.train !== undefined ? `round ${round.number}` : ""),
    secondsPerSample: containerSeconds(model, usageOf(load, model)),
    // The engine is half empty, on average, while its last answers end.
    drainSeconds: (Math.min(load.completion, TYPICAL_ANSWER.tokens) * world.sequences) / throughput(model).decode / 2,
    requestsPerSample: stage === "generate" ? config.generate.candidates : load.requests,
  }));
  const work = { stage, samples: round.samples, works, childTransitions: transitions.child };
  runStage(parts, work, (busy) => {
    const models = load.models.map((model, which) => ({ gpu: gpuOf(model), busySeconds: busy[which]! }));
    const idealSeconds = idealOf(models, world);
    round.run.stages.push({ round: round.number, stage, startedAt, endedAt: queue.now(), idealSeconds });
    modelStage(parts, round, at + 1, then);
  });
}

const containersOf = (gpu: GpuConfig, { planGpus }: World): number =>
  Math.min(gpu.maxContainers, Math.floor(planGpus / gpu.count));

/** No schedule is shorter than the work of a model on all its containers, nor than all work on the plan's GPUs. */
function idealOf(models: readonly { gpu: GpuConfig; busySeconds: number }[], world: World): number {
  const alone = models.map(({ gpu, busySeconds }) => busySeconds / containersOf(gpu, world));
  const together = models.reduce((sum, { gpu, busySeconds }) => sum + busySeconds * gpu.count, 0) / world.planGpus;
  return Math.max(together, ...alone);
}

/** One call from checkpoint to checkpoint: what a preempted trainer loses is the way since the last. */
function train(parts: Parts, { number, samples, run }: Round, then: () => void): void {
  const { config, meters, modal, queue, world } = parts;
  const settings = config.train;
  if (settings?.trainer !== "modal") {
    then();
    return;
  }
  const gpu = trainGpuOf(settings.gpu);
  const pairs = samples * Math.min(TYPICAL_PAIRS, config.pair.perSample ?? TYPICAL_PAIRS);
  const size = { pairs, tokensPerAnswer: TYPICAL_ANSWER.tokens, epochs: settings.epochs };
  const segments = Math.ceil(settings.epochs * settings.checkpointsPerEpoch);
  const workSeconds = trainSeconds(config.policy.model, gpu, size) / segments;
  const days = (segments * workSeconds) / 86_400;
  if (days * 86_400 > LOOP_LIMITS.trainTimeoutSeconds)
    meters.breaks(
      `train takes ${days.toFixed(1)} days of ${gpu.count} × ${gpu.kind} a round; the loop waits ${LOOP_LIMITS.trainTimeoutSeconds / 86_400}`,
    );
  const pool = modal.pool({ ...gpu, maxContainers: 1 });
  const trained: StageRun = { round: number, stage: "train", startedAt: queue.now(), endedAt: 0, idealSeconds: 0 };

  function segment(left: number): void {
    if (left === 0) {
      run.stages.push({ ...trained, endedAt: queue.now() });
      queue.after(world.callback + world.lambdaCall, then);
      return;
    }
    pool.submit({
      workSeconds,
      overhead: 0,
      done({ busySeconds }) {
        trained.idealSeconds += busySeconds;
        segment(left - 1);
      },
    });
  }

  segment(segments);
}
