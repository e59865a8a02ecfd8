/** The way of the samples through the stages, one row a round. */
import { parsePassId } from "../../../shared/passes.ts";
import { STAGE_ORDER } from "../../../shared/pipeline.ts";
import { secondsLeft } from "../../../shared/progress.ts";
import type { Report, RoundReport } from "../../../shared/schemas/report.ts";
import type { StageName } from "../../../shared/schemas/rows.ts";
import type { StageView } from "../../api/contract/runs.ts";
import { count, DASH, duration, percent } from "../../report/format.ts";
import { type LiveRun, openStage } from "./live-run.ts";

export type FunnelCell = {
  name: string;
  /** 0..1; null before it begins. */
  share: number | null;
  text: string;
  parked: number;
  running: boolean;
};
export type FunnelRow = { title: string; cells: FunnelCell[] };

/** The base model's evaluation, then every round that has begun. */
export function funnelRows(live: LiveRun, report: Report | undefined): FunnelRow[] {
  const { run } = live;
  const passes = Map.groupBy(run.stages, ({ pass_id }) => parsePassId(pass_id).round);
  const rounds = [...passes.keys()].filter((round) => round > 0).sort((a, b) => a - b);
  const rows = rounds.map((round) => roundRow(live, report, { round, stages: passes.get(round) ?? [] }));
  const base = passes.get(0);
  return base === undefined || run.config.evaluate === undefined ? rows : [baseRow(live, base), ...rows];
}

type Round = { round: number; stages: readonly StageView[] };

const ofTraining = ({ pass_id }: StageView) => parsePassId(pass_id).purpose === "train";

function baseRow(live: LiveRun, stages: readonly StageView[]): FunnelRow {
  const blank = [...STAGE_ORDER, "pair", "train"].map((name) => emptyCell(name));
  return { title: "base", cells: [...blank, evaluateCell(live, stages)] };
}

function roundRow(live: LiveRun, report: Report | undefined, { round, stages }: Round): FunnelRow {
  const told = report?.rounds.find((one) => one.round === round);
  const training = stages.filter(ofTraining);
  const others = stages.filter((stage) => !ofTraining(stage));
  const model = STAGE_ORDER.map((name) => stageCell(live, name, training));
  const learning = live.run.config.train === undefined ? [] : [trainCell(live, told, round)];
  const looking = live.run.config.evaluate === undefined ? [] : [evaluateCell(live, others)];
  return { title: `round ${round}`, cells: [...model, pairCell(live, told, round), ...learning, ...looking] };
}

const emptyCell = (name: string): FunnelCell => ({ name, share: null, text: "", parked: 0, running: false });

function stageCell(live: LiveRun, name: StageName, stages: readonly StageView[]): FunnelCell {
  const stage = stages.find((one) => one.stage === name);
  if (stage === undefined || stage.samples === 0) return emptyCell(name);
  const { samples, samples_done: done, parked } = stage;
  const running = live.run.state === "running" && live.progress.passId === stage.pass_id && openStage(live) === name;
  return { name, share: done / samples, text: `${count(done)}/${count(samples)}`, parked, running };
}

function pairCell(live: LiveRun, told: RoundReport | undefined, round: number): FunnelCell {
  const pairs = live.pairs.get(round) ?? told?.pairs;
  if (pairs === undefined || (pairs === 0 && told?.training === null)) return emptyCell("pair");
  return {
    name: "pair",
    share: 1,
    text: `${count(pairs)} ${pairs === 1 ? "pair" : "pairs"}`,
    parked: 0,
    running: false,
  };
}

function trainCell(live: LiveRun, told: RoundReport | undefined, round: number): FunnelCell {
  const step = live.steps.get(round)?.at(-1);
  const running = live.run.state === "running" && step !== undefined && step.step < step.steps;
  const cell = { name: "train", parked: 0, running };
  if (told?.training?.outcome === "trained")
    return { ...cell, running: false, share: 1, text: `${count(told.training.steps)} steps` };
  if (told?.training?.outcome === "too_few_pairs") return { ...cell, share: 0, text: "too few pairs" };
  if (step === undefined) return emptyCell("train");
  return { ...cell, share: step.step / step.steps, text: `step ${step.step}/${step.steps}` };
}

/** Everything that is sampled to compare and to report, as one share: each sample walks through four stages. */
function evaluateCell(live: LiveRun, stages: readonly StageView[]): FunnelCell {
  const total = stages.reduce((sum, { samples }) => sum + samples, 0);
  if (total === 0) return emptyCell("evaluate");
  const done = stages.reduce((sum, { samples_done }) => sum + samples_done, 0);
  const passId = live.progress.passId;
  const running = live.run.state === "running" && done < total && stages.some(({ pass_id }) => pass_id === passId);
  const parked = stages.reduce((sum, stage) => sum + stage.parked, 0);
  return { name: "evaluate", share: done / total, text: percent(done / total, 0), parked, running };
}

/** What the run is doing in words, and how long it still takes; for the line that screen readers are told. */
export function statusLine(live: LiveRun, nowMs: number): { doing: string; left: string } {
  const { run, progress } = live;
  if (run.state !== "running") return { doing: run.reason ?? "", left: DASH };
  const seconds = secondsLeft(progress, nowMs);
  return { doing: doingText(live), left: seconds === undefined ? "not yet known" : `about ${duration(seconds)}` };
}

function doingText({ progress, run }: LiveRun): string {
  if (progress.passId === undefined) return "Preparing";
  const { round, purpose } = parsePassId(progress.passId);
  const where = round === 0 ? "base model" : `round ${round} of ${run.rounds}`;
  const step = progress.training;
  if (purpose === "train" && step !== undefined) return `Training, ${where}: step ${step.step} of ${step.steps}`;
  const open = openStage({ progress });
  const what = purpose === "train" ? "making pairs" : purpose === "select" ? "comparing checkpoints" : "evaluating";
  return `${where[0]!.toUpperCase()}${where.slice(1)}, ${what}${open === undefined ? "" : `: ${open}`}`;
}
