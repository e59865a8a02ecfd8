/** One round's part of the report, from its rows and files. */
import { addUsage, NO_USAGE } from "../../shared/budget/cost.ts";
import { COMPUTE_PRICES, MICROS_PER_USD } from "../../shared/budget/prices.ts";
import { gateKey, metricsKey, pairingKey, selectionKey, trainingKey } from "../../shared/keys.ts";
import { parsePassId } from "../../shared/passes.ts";
import { STAGE_ORDER } from "../../shared/pipeline.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import { Metrics } from "../../shared/schemas/metrics.ts";
import { RoundGate, type RoundReport, type StageReport, type TrainingReport } from "../../shared/schemas/report.ts";
import { Pairing, RoundSelection, Training } from "../../shared/schemas/rounds.ts";
import type { PassId, ShardRow } from "../../shared/schemas/rows.ts";
import { addLosses } from "../../shared/states/losses.ts";
import { passStates } from "../../shared/states/pass-states.ts";
import { eachScored, readJson, scoredKeys } from "./files.ts";
import type { ReportDeps } from "./report.ts";

type Round = { runId: string; round: number; config: RunConfig };

/** `undefined` until the round's pairs are made. */
export async function roundReport({ runId, round }: Round, deps: ReportDeps): Promise<RoundReport | undefined> {
  const pairing = await readJson(deps.blobs, pairingKey(runId, round), Pairing);
  if (pairing === undefined) return undefined;
  const training = await readJson(deps.blobs, trainingKey(runId, round), Training);
  const selection = await readJson(deps.blobs, selectionKey(runId, round), RoundSelection);
  const metrics = await readJson(deps.blobs, metricsKey(runId, `${round}.evaluate`), Metrics);
  const trainPass = `${round}.train`;
  const shards = (await deps.store.shards.list({ runId })).filter((shard) => parsePassId(shard.passId).round === round);
  const stages = stageReports(shards, training);
  return {
    round,
    pairs: pairing.pairs,
    pairing: {
      samples: pairing.paired,
      chosen_words: pairing.meanChosenWords,
      rejected_words: pairing.meanRejectedWords,
      dropped: pairing.dropped,
    },
    funnel: passStates(
      await deps.store.samples.count(runId, trainPass),
      shards.filter(({ passId }) => passId === trainPass),
    ),
    ...(await countAnswers(runId, trainPass, deps)),
    losses: addLosses(...shards.filter(({ passId }) => passId === trainPass).map(({ losses }) => losses)),
    training: training === undefined ? null : trainingReport(training),
    selection: selection?.selection ?? null,
    checkpoint: selection?.checkpoint ?? null,
    metrics: metrics ?? null,
    gate: (await readJson(deps.blobs, gateKey(runId, round), RoundGate)) ?? null,
    stages,
    cost_usd: stages.reduce((sum, { cost_usd }) => sum + cost_usd, 0),
    seconds: stages.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

/** One sample at a time: a round is larger than memory. */
async function countAnswers(
  runId: string,
  passId: PassId,
  deps: ReportDeps,
): Promise<Pick<RoundReport, "candidates" | "claims">> {
  const counts = { candidates: 0, claims: 0 };
  for await (const { candidates } of eachScored(deps, await scoredKeys(deps, runId, passId))) {
    counts.candidates += candidates.length;
    for (const { claims } of candidates) counts.claims += claims.length;
  }
  return counts;
}

/** The training pass stage by stage; the passes that compare and report as one line each. */
function stageReports(shards: readonly ShardRow[], training: Training | undefined): StageReport[] {
  const purposeOf = (shard: ShardRow) => parsePassId(shard.passId).purpose;
  const made = STAGE_ORDER.map((stage) =>
    sumOf(
      stage,
      shards.filter((shard) => purposeOf(shard) === "train" && shard.stage === stage),
    ),
  );
  const trained = training?.outcome === "trained" ? [trainStage(training.seconds)] : [];
  const compared = sumOf(
    "select",
    shards.filter((shard) => purposeOf(shard) === "select"),
  );
  const reported = sumOf(
    "evaluate",
    shards.filter((shard) => ["evaluate", "greedy", "control"].includes(purposeOf(shard))),
  );
  return [...made, ...trained, ...[compared, reported].filter(({ requests }) => requests > 0)];
}

function trainStage(seconds: number): StageReport {
  const cost_usd = seconds * COMPUTE_PRICES["cpu-core"];
  return {
    stage: "train",
    seconds,
    requests: 0,
    cached_replies: 0,
    prompt_tokens: null,
    completion_tokens: null,
    cost_usd,
  };
}

function sumOf(stage: StageReport["stage"], shards: readonly ShardRow[]): StageReport {
  const sum = (figure: (shard: ShardRow) => number) => shards.reduce((total, shard) => total + figure(shard), 0);
  const usage = shards.reduce((total, shard) => addUsage(total, shard.usage ?? NO_USAGE), NO_USAGE);
  return {
    stage,
    seconds: sum((shard) => shard.seconds),
    requests: sum((shard) => shard.requests),
    cached_replies: sum((shard) => shard.cachedReplies),
    prompt_tokens: usage.prompt_tokens,
    completion_tokens: usage.completion_tokens,
    cost_usd: sum((shard) => shard.usdMicros) / MICROS_PER_USD,
  };
}

function trainingReport(training: Training): TrainingReport {
  if (training.outcome === "too_few_pairs") return training;
  const curve = training.steps.map((step) => ({
    step: step.step,
    epoch: step.epoch,
    loss: step.loss,
    margin: step.margin,
    accuracy: step.accuracy,
    chosen_reward: step.chosenReward,
    rejected_reward: step.rejectedReward,
    learning_rate: step.learningRate,
  }));
  const lastQuarter = curve.slice(Math.floor(curve.length * 0.75));
  const mean = (figure: "loss" | "margin" | "accuracy") =>
    lastQuarter.length === 0 ? null : lastQuarter.reduce((sum, point) => sum + point[figure], 0) / lastQuarter.length;
  return {
    outcome: "trained",
    steps: training.steps.length,
    pairs_used: training.pairsUsed,
    pairs_dropped: training.pairsDropped,
    loss: mean("loss"),
    reward_margin: mean("margin"),
    reward_accuracy: mean("accuracy"),
    curve,
    seconds: training.seconds,
  };
}
