/**
 * A run as the page shows it: a snapshot from the API, kept up to date by the run's events. Its size grows with rounds and
 * passes, never with samples.
 */
import { parsePassId } from "../../../shared/passes.ts";
import { STAGE_ORDER } from "../../../shared/pipeline.ts";
import type { TrainStep } from "../../../shared/ports/trainer.ts";
import { type ProgressState, progressAfter, startProgress } from "../../../shared/progress.ts";
import { runSizes } from "../../../shared/run-sizes.ts";
import type { RunEvent } from "../../../shared/schemas/events.ts";
import type { PassId, StageName } from "../../../shared/schemas/rows.ts";
import type { RunDetail, StageView } from "../../api/contract/runs.ts";

export type LiveRun = {
  run: RunDetail;
  /** For the time left. */
  progress: ProgressState;
  /** Steps that were told since the page is open, by round. */
  steps: ReadonlyMap<number, readonly TrainStep[]>;
  /** Pairs that were told since the page is open, by round. */
  pairs: ReadonlyMap<number, number>;
  /** The newest event in here. */
  seq: number;
  /** Rises when figures may have changed that only the report and a new snapshot tell. */
  news: number;
};

export type Numbered = { seq: number; event: RunEvent };

/** Events as the stream brings them; `seq` counts from 1 in each run. */
export function startLive(run: RunDetail, nowMs: number): LiveRun {
  return {
    run,
    progress: progressOf(run, nowMs),
    steps: new Map(),
    pairs: new Map(),
    seq: run.last_event,
    news: 0,
  };
}

/**
 * A newer snapshot in place of the old one; what only events tell stays. Of a snapshot that events have overtaken only what
 * no event tells is taken.
 */
export function withSnapshot(live: LiveRun, run: RunDetail, nowMs: number): LiveRun {
  if (run.last_event < live.seq) {
    const { passes, samples_per_second, seconds, served_as } = run;
    return { ...live, run: { ...live.run, passes, samples_per_second, seconds, served_as } };
  }
  const { passId, training, stages } = live.progress;
  const progress = { ...progressOf(run, nowMs), training };
  const same = passId !== undefined && passId === progress.passId;
  return { ...live, run, progress: same ? { ...progress, stages } : progress, seq: run.last_event };
}

/** All events that came since the last frame, in one step. Those that the snapshot holds already change nothing. */
export function liveAfter(live: LiveRun, events: readonly Numbered[], nowMs: number): LiveRun {
  const fresh = events.filter(({ seq }) => seq > live.seq);
  if (fresh.length === 0) return live;
  const draft = new Draft(live);
  for (const { event } of fresh) draft.take(event, nowMs);
  return { ...draft.done(), seq: fresh.at(-1)!.seq };
}

class Draft {
  #live: LiveRun;
  readonly #stages: Map<string, StageView>;
  readonly #steps: Map<number, readonly TrainStep[]>;

  constructor(live: LiveRun) {
    this.#live = live;
    this.#stages = new Map(live.run.stages.map((stage) => [keyOf(stage.pass_id, stage.stage), stage]));
    this.#steps = new Map(live.steps);
  }

  take(event: RunEvent, nowMs: number): void {
    const { run, progress } = this.#live;
    this.#live = { ...this.#live, progress: progressAfter(progress, event, nowMs) };
    switch (event.kind) {
      case "run":
        this.#change({ ...run, state: event.state, reason: event.reason ?? null }, true);
        break;
      case "stage":
        this.#stageBegan(event);
        break;
      case "shard":
        this.#shardDone(event);
        break;
      case "money":
        this.#change({ ...run, budget: inUsd(event) });
        break;
      case "training":
        this.#steps.set(event.round, [...(this.#steps.get(event.round) ?? []), event.step]);
        break;
      case "paired":
        this.#live = { ...this.#live, pairs: new Map(this.#live.pairs).set(event.round, event.pairs) };
        this.#change(run, true);
        break;
      case "metrics":
      case "promoted":
        this.#change(run, true);
    }
  }

  done(): LiveRun {
    return { ...this.#live, steps: this.#steps, run: { ...this.#live.run, stages: [...this.#stages.values()] } };
  }

  #change(run: RunDetail, news = false): void {
    this.#live = { ...this.#live, run, news: this.#live.news + (news ? 1 : 0) };
  }

  /** A stage that goes on after a pause tells only what is left of it. */
  #stageBegan({ passId, stage, shards, samples }: Extract<RunEvent, { kind: "stage" }>): void {
    const key = keyOf(passId, stage);
    const known = this.#stages.get(key) ?? emptyStage(passId, stage);
    this.#stages.set(key, {
      ...known,
      shards: Math.max(known.shards, known.shards_done + shards),
      samples: Math.max(known.samples, known.samples_done + samples),
    });
    const { run } = this.#live;
    this.#change({ ...run, round: Math.max(run.round, parsePassId(passId).round) });
  }

  #shardDone({ passId, stage, samples, parked }: Extract<RunEvent, { kind: "shard" }>): void {
    const key = keyOf(passId, stage);
    const known = this.#stages.get(key) ?? emptyStage(passId, stage);
    const done = known.samples_done + samples + parked;
    this.#stages.set(key, {
      ...known,
      samples_done: done,
      parked: known.parked + parked,
      samples: Math.max(known.samples, done),
      shards_done: known.shards_done + 1,
      shards: Math.max(known.shards, known.shards_done + 1),
    });
  }
}

const keyOf = (passId: PassId, stage: StageName) => `${passId} ${stage}`;

function emptyStage(pass_id: PassId, stage: StageName): StageView {
  const counters = { shards: 0, shards_done: 0, shards_failed: 0, samples_done: 0, samples: 0, parked: 0 };
  const work = { requests: 0, cached_replies: 0, prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0 };
  return { pass_id, stage, ...counters, ...work, usd: 0, seconds: 0, losses: {} };
}

const MICRO = 1e-6;

function inUsd(money: Extract<RunEvent, { kind: "money" }>): RunDetail["budget"] {
  return {
    usd: money.budgetMicros * MICRO,
    settled_usd: money.settledMicros * MICRO,
    reserved_usd: money.reservedMicros * MICRO,
  };
}

/** Seconds of work so far. The service adds a stretch up when it ends; the one that is open began with the last change. */
export function workedSeconds(run: Pick<RunDetail, "state" | "seconds" | "updated_at">, nowMs: number): number {
  const open = run.state === "running" ? Math.max(0, nowMs - Date.parse(run.updated_at)) / 1000 : 0;
  return run.seconds + open;
}

/** Tells a snapshot to the same reducer that the command line feeds with events: the time left has one rule. */
function progressOf(run: RunDetail, nowMs: number): ProgressState {
  let state = startProgress(
    run.id,
    runSizes({ ...run, trains: run.config.train !== undefined }, run.config),
    nowMs - 1000 * workedSeconds(run, nowMs),
  );
  for (const { pass_id: passId, stage, samples, shards, samples_done, parked } of inOrderOfWork(run.stages)) {
    state = progressAfter(state, { kind: "stage", passId, stage, shards, samples }, nowMs);
    const told = { passId, stage, shardId: "", samples: samples_done - parked, parked };
    state = progressAfter(state, { kind: "shard", ...told }, nowMs);
  }
  return { ...state, workDone: state.workDone + trainedRounds(run) * state.trainWork, training: undefined };
}

const PURPOSES = ["train", "select", "evaluate", "greedy", "control"] as const;

/** Passes as the loop walks them; the shards of all stages of a pass are there from its beginning. */
function inOrderOfWork(stages: readonly StageView[]): StageView[] {
  const rank = ({ pass_id, stage }: StageView) => {
    const { round, purpose, step = 0 } = parsePassId(pass_id);
    return [round, PURPOSES.indexOf(purpose), step, STAGE_ORDER.indexOf(stage)];
  };
  return stages
    .map((stage) => ({ stage, rank: rank(stage) }))
    .sort((a, b) => a.rank.reduce((order, number, at) => order || number - b.rank[at]!, 0))
    .map(({ stage }) => stage);
}

/** The stage that the current pass is in: the first that is not over. */
export function openStage({ progress }: Pick<LiveRun, "progress">): StageName | undefined {
  return STAGE_ORDER.find((name) => progress.stages[name] !== undefined && progress.stages[name].endedMs === undefined);
}

/** Rounds whose training is over: their checkpoints were looked at, or a later round has begun. */
function trainedRounds({ stages }: RunDetail): number {
  const passes = stages.map(({ pass_id }) => parsePassId(pass_id));
  const begun = Math.max(0, ...passes.filter(({ purpose }) => purpose === "train").map(({ round }) => round));
  const looked = passes.some(({ round, purpose }) => round === begun && round > 0 && purpose !== "train");
  return looked ? begun : Math.max(0, begun - 1);
}
