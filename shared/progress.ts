/** What is known of a running run, reduced from its events. Pure: the clock is an argument. */
import { parsePassId } from "./passes.ts";
import { STAGE_ORDER } from "./pipeline.ts";
import type { TrainStep } from "./ports/trainer.ts";
import type { RunEvent } from "./schemas/events.ts";
import type { PassId, StageName } from "./schemas/rows.ts";

export type StageProgress = {
  samples: number;
  done: number;
  parked: number;
  replies: number;
  cached: number;
  startedMs: number;
  endedMs: number | undefined;
};

export type ProgressState = {
  runId: string;
  rounds: number;
  startedMs: number;
  round: number;
  passId: PassId | undefined;
  stages: Partial<Record<StageName, StageProgress>>;
  training: TrainStep | undefined;
  pairs: number[];
  /** Response hallucination of the reported passes so far, in order: the base first. */
  hallucination: { label: string; value: number | null }[];
  money: { settledMicros: number; budgetMicros: number };
  workDone: number;
  workTotal: number;
  /** What one round's training is worth. */
  trainWork: number;
  share: RunSizes["share"];
};

/** Relative cost of a sample in a stage, rounded from one run of the embedded engine (2 cores, 2026-11): only the time left depends on it. */
const WEIGHT: Record<StageName, number> = { generate: 8, divide: 1, question: 1, score: 5 };
const SAMPLE_WEIGHT = Object.values(WEIGHT).reduce((sum, weight) => sum + weight, 0);
/** A round's training, as a share of making its pairs. Rounded from the same run. */
const TRAIN_SHARE = 0.4;

/** How much a run has to do. `share(passId)`: answers per sample of a pass, relative to the training passes. */
export type RunSizes = {
  rounds: number;
  data: number;
  trains: boolean;
  /** Samples of the passes that compare and report, each times its share. */
  evaluated: number;
  share: (passId: PassId) => number;
};

/** @param nowMs ms since 1970, as in every function here */
export function startProgress(runId: string, sizes: RunSizes, nowMs: number): ProgressState {
  const workTotal = (sizes.data * (sizes.trains ? 1 + TRAIN_SHARE : 1) + sizes.evaluated) * SAMPLE_WEIGHT;
  return {
    runId,
    rounds: sizes.rounds,
    startedMs: nowMs,
    round: 0,
    passId: undefined,
    stages: {},
    training: undefined,
    pairs: [],
    hallucination: [],
    money: { settledMicros: 0, budgetMicros: 0 },
    workDone: 0,
    workTotal: Math.max(1, workTotal),
    trainWork: (sizes.data / sizes.rounds) * TRAIN_SHARE * SAMPLE_WEIGHT,
    share: sizes.share,
  };
}

/** The state after one more event; events of passes that are over change nothing shown. */
export function progressAfter(state: ProgressState, event: RunEvent, nowMs: number): ProgressState {
  switch (event.kind) {
    case "stage":
      return stageStarted(state, event, nowMs);
    case "replies":
      return withStage(state, event, (stage) => ({
        ...stage,
        replies: stage.replies + event.completed,
        cached: stage.cached + event.cached,
      }));
    case "shard":
      return shardDone(state, event, nowMs);
    case "paired":
      return { ...state, pairs: [...state.pairs, event.pairs] };
    case "training":
      return { ...state, training: event.step, workDone: state.workDone + state.trainWork / event.step.steps };
    case "metrics":
      return {
        ...state,
        hallucination: [
          ...state.hallucination,
          { label: labelOf(event.passId), value: event.metrics.response_hallucination.value },
        ],
      };
    case "money":
      return { ...state, money: event };
    default:
      return state;
  }
}

function stageStarted(state: ProgressState, event: Extract<RunEvent, { kind: "stage" }>, nowMs: number): ProgressState {
  const samePass = state.passId === event.passId;
  const stage = {
    samples: event.samples,
    done: 0,
    parked: 0,
    replies: 0,
    cached: 0,
    startedMs: nowMs,
    endedMs: event.samples === 0 ? nowMs : undefined,
  };
  return {
    ...state,
    passId: event.passId,
    round: parsePassId(event.passId).round,
    training: samePass ? state.training : undefined,
    stages: { ...(samePass ? state.stages : {}), [event.stage]: stage },
  };
}

function shardDone(state: ProgressState, event: Extract<RunEvent, { kind: "shard" }>, nowMs: number): ProgressState {
  const moved = withStage(state, event, (stage) => {
    const done = stage.done + event.samples;
    const parked = stage.parked + event.parked;
    return { ...stage, done, parked, endedMs: done + parked >= stage.samples ? nowMs : undefined };
  });
  return {
    ...moved,
    workDone: moved.workDone + (event.samples + event.parked) * WEIGHT[event.stage] * state.share(event.passId),
  };
}

function withStage(
  state: ProgressState,
  { passId, stage }: { passId: PassId; stage: StageName },
  change: (stage: StageProgress) => StageProgress,
): ProgressState {
  const current = state.stages[stage];
  if (state.passId !== passId || current === undefined) return state;
  return { ...state, stages: { ...state.stages, [stage]: change(current) } };
}

function labelOf(passId: PassId): string {
  const { round } = parsePassId(passId);
  return round === 0 ? "base" : `round ${round}`;
}

/** Seconds left, from the share of the work that is done; undefined until 3 % are. */
export function secondsLeft(state: ProgressState, nowMs: number): number | undefined {
  const share = Math.min(1, state.workDone / state.workTotal);
  if (share < 0.03) return undefined;
  return ((nowMs - state.startedMs) / 1000) * ((1 - share) / share);
}

/** The stages of the current pass in order, those not begun included. */
export function stageLines(state: ProgressState): { stage: StageName; progress: StageProgress | undefined }[] {
  return STAGE_ORDER.map((stage) => ({ stage, progress: state.stages[stage] }));
}
