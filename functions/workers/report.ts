/** Puts a run's files together into `report.json`. Reads only: it can be made again at any time. */
import { runAccount } from "../../shared/budget/accounts.ts";
import { MICROS_PER_USD } from "../../shared/budget/prices.ts";
import type { Bench } from "../../shared/evaluation/bench.ts";
import { bestOfSamples } from "../../shared/evaluation/best-by-claims.ts";
import { compare, type MeasureOptions, measure, measureOptions } from "../../shared/evaluation/measure.ts";
import { truncateToMean } from "../../shared/evaluation/truncate.ts";
import { metricsKey, planKey, sftControlKey } from "../../shared/keys.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import { MetricSet, Metrics } from "../../shared/schemas/metrics.ts";
import { RunPlan } from "../../shared/schemas/plan.ts";
import { type BestOfN, type Comparison, type Controls, Report, type RoundReport } from "../../shared/schemas/report.ts";
import type { RunRow } from "../../shared/schemas/rows.ts";
import type { Scored } from "../../shared/schemas/sample.ts";
import type { WorkerDeps } from "./deps.ts";
import { readConfig, readJson, readScored } from "./files.ts";
import { roundReport } from "./round-report.ts";

export type ReportDeps = Pick<WorkerDeps, "store" | "blobs" | "bench">;

export async function buildReport(run: RunRow, deps: ReportDeps): Promise<Report> {
  const { runId } = run;
  const config = await readConfig(deps.blobs, runId);
  const plan = await readJson(deps.blobs, planKey(runId), RunPlan);
  const rounds: RoundReport[] = [];
  for (let round = 1; round <= config.rounds; round++) {
    const one = await roundReport({ runId, round, config }, deps);
    if (one !== undefined) rounds.push(one);
  }
  const ledger = await deps.store.ledger.read(runAccount(runId));
  return Report.parse({
    format: "rlaifv-report/1",
    run: {
      id: runId,
      name: run.name,
      state: run.state,
      reason: run.reason ?? null,
      seed: config.seed,
      created_at: new Date(run.createdAt).toISOString(),
      code_version: plan?.codeVersion ?? "unknown",
    },
    config,
    base: (await readJson(deps.blobs, metricsKey(runId, "0.evaluate"), Metrics)) ?? null,
    rounds,
    ...(await baseAgainstFinal(runId, config, rounds, deps)),
    cost_usd: (ledger?.settled ?? 0) / MICROS_PER_USD,
    seconds: run.workedMs / 1000,
    warnings: plan?.warnings ?? [],
  });
}

type Compared = { best_of_n: BestOfN | null; controls: Controls; comparison: Comparison | null };

/** What needs the stored answers of the base and of the last evaluated round. */
async function baseAgainstFinal(
  runId: string,
  config: RunConfig,
  rounds: readonly RoundReport[],
  deps: ReportDeps,
): Promise<Compared> {
  const nothing = { best_of_n: null, controls: { truncated_base: null, sft_only: null }, comparison: null };
  if (config.evaluate === undefined) return nothing;
  const base = await readScored(deps, runId, "0.evaluate");
  if (base.length === 0) return nothing;
  const bench = await deps.bench(config.evaluate.bench, { runId, blobs: deps.blobs });
  const options = measureOptions(config.evaluate, config.seed);
  const last = rounds.findLast(({ metrics }) => metrics !== null)?.round;
  const aligned = last === undefined ? undefined : await readScored(deps, runId, `${last}.evaluate`);
  const complete = last === config.rounds ? aligned : undefined; // only the last round sampled as many answers as the base
  return {
    best_of_n: bestOfN(bench, config.evaluate.bestOf, { base, aligned: complete }, options),
    controls: {
      truncated_base: aligned === undefined ? null : truncatedBase(bench, { base, aligned }, options, config.seed),
      sft_only: (await readJson(deps.blobs, sftControlKey(runId), MetricSet)) ?? null,
    },
    comparison: aligned === undefined ? null : compare(bench, { base, aligned }, options),
  };
}

type Models<Aligned> = { base: Scored[]; aligned: Aligned };

function bestOfN(
  bench: Bench,
  n: number,
  models: Models<Scored[] | undefined>,
  options: MeasureOptions,
): BestOfN | null {
  if (n < 2) return null;
  const figures = (samples: Scored[]) => measure(bench, bestOfSamples(samples, n), { ...options, answers: 1 });
  return { n, base: figures(models.base), aligned: models.aligned === undefined ? null : figures(models.aligned) };
}

function truncatedBase(
  bench: Bench,
  models: Models<Scored[]>,
  options: MeasureOptions,
  seed: number,
): MetricSet | null {
  const firstAnswers = models.base.map((sample) => ({
    ...sample,
    candidates: sample.candidates.slice(0, options.answers),
  }));
  const sentences = {
    base: measure(bench, models.base, options).sentences.value,
    aligned: measure(bench, models.aligned, options).sentences.value,
  };
  if (sentences.base === null || sentences.aligned === null) return null;
  const { samples } = truncateToMean(bench, firstAnswers, { base: sentences.base, aligned: sentences.aligned }, seed);
  return measure(bench, samples, options);
}
