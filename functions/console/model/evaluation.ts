/** What an evaluation is of, what it does, and what can be done to it, in words. */
import type { BenchName } from "../../../shared/schemas/evaluation.ts";
import type { EvaluationState } from "../../../shared/schemas/evaluation-job.ts";
import type { Report } from "../../../shared/schemas/report.ts";
import type { CreateEvaluationBody, EvaluationView } from "../../api/contract/evals.ts";
import { count, plural } from "../../report/format.ts";
import type { Possible } from "./actions.ts";

/** `round 2 of demo-1a2b3c4d`; an evaluation of an earlier version does not tell. */
export function subjectText({ subject }: Pick<EvaluationView, "subject">): string {
  if (subject === null) return "answers";
  const { run, model, answers } = subject;
  if (run !== null) return `${run.round === 0 ? "the base model" : `round ${run.round}`} of ${run.id}`;
  return model ?? plural(answers ?? 0, "sent answer");
}

export const isMoving = (state: EvaluationState): boolean => state === "queued" || state === "running";

/** `answers: 64 of 120`. */
export function doingOf({ state, progress }: Pick<EvaluationView, "state" | "progress">): string {
  if (progress !== null) return `${progress.what}: ${count(progress.done)} of ${count(progress.total)}`;
  return { queued: "waits for its turn", running: "at work", finished: "measured", paused: "paused", stopped: "stopped", failed: "failed" }[state]; // biome-ignore format: one table
}

export const cancelOn = (state: EvaluationState): Possible =>
  isMoving(state) || state === "paused"
    ? { possible: true }
    : { possible: false, why: `Not possible: it is ${state}.` };

/** What a run's page offers; the last two are rated by a judge. */
export const MEASURES: readonly BenchName[] = ["scenes", "object-halbench", "amber", "pope", "mmhal", "refomb"];
export const needsJudge = (bench: BenchName): boolean => bench === "mmhal" || bench === "refomb";

export type MeasureForm = { bench: BenchName; round: number; judge: string; budgetUsd: number };

/** The body of POST /v1/evals. */
export const measureBody = (
  runId: string,
  { bench, round, judge, budgetUsd }: MeasureForm,
): Pick<CreateEvaluationBody, "bench" | "run" | "budget_usd"> & { judge?: { model: string } } => ({
  ...{ bench, run: { id: runId, round }, budget_usd: budgetUsd },
  ...(needsJudge(bench) ? { judge: { model: judge } } : {}),
});

/** The rounds that can be measured: the base, and those that chose a checkpoint or kept what they had. */
export const measurableRounds = (report: Pick<Report, "rounds"> | undefined): number[] => [
  0,
  ...(report?.rounds ?? []).filter(({ selection }) => selection !== null).map(({ round }) => round),
];
