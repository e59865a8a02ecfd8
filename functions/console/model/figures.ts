/** The charts of a run as data: what is drawn and what stands in the table below are the same numbers. */
import type { TrainStep } from "../../../shared/ports/trainer.ts";
import type { BenchFigureName, Estimate, FigureName, Metrics } from "../../../shared/schemas/metrics.ts";
import type { Report } from "../../../shared/schemas/report.ts";
import { count, decimal, inUnit, percent, type Unit, withInterval } from "../../report/format.ts";

/** `low`..`high`: the confidence interval, or the value twice. Shares are in percent. */
export type BandPoint = { round: number; value: number; low: number; high: number };
export type CurvePoint = { at: number; round: number; value: number };

export type Figure = {
  id: string;
  title: string;
  hint: string;
  table: { head: string[]; rows: string[][] };
} & (
  | { kind: "band"; points: BandPoint[]; tone: "good" | "bad" | "plain"; fromZero: boolean; unit: Unit }
  | { kind: "curve"; points: CurvePoint[]; reference: number | null }
);

type Over = {
  name: FigureName | BenchFigureName;
  title: string;
  hint: string;
  unit: Unit;
  fromZero: boolean;
  tone: "good" | "bad";
};

const OVER_ROUNDS: readonly Over[] = [
  {
    name: "response_hallucination",
    title: "Response hallucination",
    hint: "% of answers, lower is better",
    unit: "percent",
    fromZero: true,
    tone: "bad",
  },
  {
    name: "mention_hallucination",
    title: "Mention hallucination",
    hint: "% of objects named, lower is better",
    unit: "percent",
    fromZero: true,
    tone: "bad",
  },
  {
    name: "recall",
    title: "Recall",
    hint: "% of objects there, should not fall",
    unit: "percent",
    fromZero: false,
    tone: "good",
  },
  {
    name: "chair",
    title: "CHAIR (AMBER)",
    hint: "% of objects named, lower is better",
    unit: "percent",
    fromZero: true,
    tone: "bad",
  },
  {
    name: "cover",
    title: "Cover (AMBER)",
    hint: "% of annotated objects, should not fall",
    unit: "percent",
    fromZero: false,
    tone: "good",
  },
  {
    name: "hal",
    title: "Hal (AMBER)",
    hint: "% of answers, lower is better",
    unit: "percent",
    fromZero: true,
    tone: "bad",
  },
  {
    name: "cog",
    title: "Cog (AMBER)",
    hint: "% of objects named, lower is better",
    unit: "percent",
    fromZero: true,
    tone: "bad",
  },
  { name: "words", title: "Words per answer", hint: "should not fall", unit: "number", fromZero: true, tone: "good" },
];

/** A figure that only another benchmark has. */
const NOT_MEASURED: Estimate = { value: null, ci: null, n: 0 };

type At = { round: number; metrics: Metrics };

function evaluations({ base, rounds }: Report): At[] {
  const first = base === null ? [] : [{ round: 0, metrics: base }];
  return [...first, ...rounds.flatMap(({ round, metrics }) => (metrics === null ? [] : [{ round, metrics }]))];
}

function bandPoint(round: number, estimate: Estimate | undefined, unit: Unit): BandPoint[] {
  const { value, ci } = estimate ?? NOT_MEASURED;
  const scale = unit === "percent" ? 100 : 1;
  if (value === null) return [];
  const [low, high] = ci ?? [value, value];
  return [{ round, value: value * scale, low: low * scale, high: high * scale }];
}

export const roundName = (round: number): string => (round === 0 ? "base" : String(round));

function overRounds(at: readonly At[], { name, ...shown }: Over, confidence: string): Figure[] {
  const points = at.flatMap(({ round, metrics }) => bandPoint(round, metrics[name], shown.unit));
  if (points.length === 0) return [];
  const rows = at.map(({ round, metrics }) => [
    roundName(round),
    withInterval(metrics[name] ?? NOT_MEASURED, shown.unit),
    inUnit(metrics.greedy?.[name]?.value ?? null, shown.unit),
  ]);
  const head = ["round", `sampled, ${confidence} CI`, "greedy"];
  return [{ kind: "band", id: name, ...shown, points, table: { head, rows } }];
}

function pairsFigure(report: Report): Figure[] {
  const made = report.rounds.filter(({ pairs }) => pairs > 0);
  if (made.length === 0) return [];
  const points = made.map(({ round, pairs }) => ({ round, value: pairs, low: pairs, high: pairs }));
  const rows = made.map(({ round, pairs, pairing }) => [
    String(round),
    count(pairs),
    count(pairing.samples),
    decimal(pairing.chosen_words),
    decimal(pairing.rejected_words),
  ]);
  const head = ["round", "pairs", "samples with pairs", "words chosen", "words rejected"];
  const shown = { title: "Pairs", hint: "per round", unit: "number", fromZero: true, tone: "plain" } as const;
  return [{ kind: "band", id: "pairs", ...shown, points, table: { head, rows } }];
}

type Step = { round: number; step: number; loss: number; margin: number; accuracy: number };
type StepValue = "loss" | "margin" | "accuracy";

const CURVES: readonly { value: StepValue; title: string; hint: string; reference: number | null }[] = [
  { value: "loss", title: "Loss", hint: "dashed: ln 2, where policy and reference agree", reference: Math.LN2 },
  { value: "margin", title: "Reward margin", hint: "chosen − rejected, nats × beta", reference: 0 },
  { value: "accuracy", title: "Reward accuracy", hint: "share of pairs preferred as labeled", reference: 0.5 },
];

/** The report's curve where a round is done, else the steps that were told while the page is open. */
function stepsOf(report: Report | undefined, live: ReadonlyMap<number, readonly TrainStep[]>): Step[] {
  const told = new Map(
    report?.rounds.flatMap(({ round, training }) =>
      training?.outcome === "trained" ? [[round, training.curve] as const] : [],
    ),
  );
  const rounds = [...new Set([...told.keys(), ...live.keys()])].sort((a, b) => a - b);
  return rounds.flatMap((round) => (told.get(round) ?? live.get(round) ?? []).map((step) => ({ ...step, round })));
}

function curveFigure(steps: readonly Step[], { value, ...shown }: (typeof CURVES)[number]): Figure[] {
  if (steps.length === 0) return [];
  const points = steps.map((step, index) => ({ at: index + 1, round: step.round, value: step[value] }));
  const rows = [...Map.groupBy(steps, ({ round }) => round)].map(([round, all]) => {
    const last = all.slice(-Math.ceil(all.length / 4));
    const mean = (of: readonly Step[]) => of.reduce((sum, step) => sum + step[value], 0) / of.length;
    const text = (number: number) => (value === "accuracy" ? percent(number) : decimal(number, 3));
    return [String(round), count(all.at(-1)!.step), text(all[0]![value]), text(mean(last))];
  });
  const head = ["round", "steps", "first step", "mean of the last quarter"];
  return [{ kind: "curve", id: value, ...shown, points, table: { head, rows } }];
}

/** Every figure that has numbers by now, in the order of the page. */
export function figuresOf(
  report: Report | undefined,
  live: ReadonlyMap<number, readonly TrainStep[]> = new Map(),
): Figure[] {
  const steps = stepsOf(report, live);
  const curves = CURVES.flatMap((curve) => curveFigure(steps, curve));
  if (report === undefined) return curves;
  const confidence = percent(report.config.evaluate?.confidence ?? 0.95, 0);
  const at = evaluations(report);
  return [...OVER_ROUNDS.flatMap((over) => overRounds(at, over, confidence)), ...pairsFigure(report), ...curves];
}
