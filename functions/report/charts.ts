/** The report's charts: Observable Plot drawn on the server, static SVG coloured by the page's CSS variables. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { inUnit, type Unit } from "./format.ts";
import { type Markup, trusted } from "./markup.ts";

/** One round's figure; `low`..`high` is its confidence interval. */
export type BandPoint = { round: number; value: number; low: number; high: number };
export type Level = { round: number; value: number };

/** Narrow enough for a phone, so that the letters are as large there as on a desk. */
const WIDTH = 340;
const INK = "var(--ink)";
const MUTED = "var(--muted)";
const ACCENT = "var(--accent)";

const STYLE = { background: "none", color: "var(--muted)", fontSize: "11px", fontFamily: "inherit" };

function draw(label: string, options: Plot.PlotOptions): Markup {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const svg = Plot.plot({
    document,
    width: WIDTH,
    style: STYLE,
    ...options,
  });
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  return trusted(svg.outerHTML);
}

const scaled = (unit: Unit) => (unit === "percent" ? 100 : 1);
const roundName = (round: number) => (round === 0 ? "base" : String(round));

/** A little more than the highest mark. */
const above = (values: readonly number[]) => 1.1 * Math.max(...values, 1e-9);

/**
 * A figure over the rounds with its interval as a band; dashed: greedy decoding.
 * Hallucination starts at 0. Recall and words start near their lowest value, since what matters is whether they fall.
 */
export function bandChart(
  label: string,
  series: { sampled: readonly BandPoint[]; greedy: readonly Level[] },
  { unit, fromZero, good }: { unit: Unit; fromZero: boolean; good: boolean },
): Markup {
  const scale = scaled(unit);
  const sampled = series.sampled.map((point) => ({
    ...point,
    value: point.value * scale,
    low: point.low * scale,
    high: point.high * scale,
    title: `${roundName(point.round)}: ${inUnit(point.value, unit)}`,
  }));
  const greedy = series.greedy.map(({ round, value }) => ({ round, value: value * scale }));
  const heights = [...sampled.flatMap(({ low, high }) => [low, high]), ...greedy.map(({ value }) => value)];
  const floor = fromZero ? 0 : Math.max(0, Math.floor(0.9 * Math.min(...heights)));
  const top = floor + above(heights.map((height) => height - floor));
  const ceiling = unit === "percent" ? Math.min(100, top) : top;
  const color = good ? "var(--good)" : "var(--bad)";
  const rounds = [...new Set(sampled.map(({ round }) => round))];
  const ends = sampled.filter((_, index) => index === 0 || index === sampled.length - 1);
  return draw(label, {
    height: 180,
    marginLeft: 34,
    marginRight: 22,
    marginTop: 18,
    x: {
      domain: rounds,
      ticks: rounds.filter((_, at) => at % Math.ceil(rounds.length / 12) === 0),
      type: "point",
      tickFormat: roundName,
      label: null,
    },
    y: { domain: [floor, ceiling], grid: true, ticks: 4, label: null, tickFormat: (tick: number) => `${tick}` },
    marks: [
      Plot.areaY(sampled, { x: "round", y1: "low", y2: "high", fill: color, fillOpacity: 0.16 }),
      Plot.ruleX(sampled, { x: "round", y1: "low", y2: "high", stroke: color, strokeOpacity: 0.5 }),
      Plot.lineY(greedy, { x: "round", y: "value", stroke: MUTED, strokeWidth: 1.4, strokeDasharray: "4 3" }),
      Plot.lineY(sampled, { x: "round", y: "value", stroke: color, strokeWidth: 2.2 }),
      Plot.dot(sampled, { x: "round", y: "value", fill: color, stroke: "var(--card)", r: 4, title: "title" }),
      Plot.text(ends, {
        x: "round",
        y: "high",
        text: ({ value }: BandPoint) => value.toFixed(1),
        dy: -9,
        fill: INK,
        fontWeight: 600,
        fontSize: 12,
      }),
    ],
  });
}

/** One model or control: its figure and interval. */
export type ForestRow = { label: string; value: number; low: number; high: number; emphasis: boolean };

/** Figures of several models below each other, as points with their intervals; each name stands above its point. */
export function forestChart(label: string, rows: readonly ForestRow[]): Markup {
  return forest(label, rows, {
    domain: [0, above(rows.map(({ high }) => 100 * high))],
    told: (value) => value.toFixed(1),
  });
}

/** The same for differences of shares: the axis holds 0, which a rule marks, and gains have a plus. */
export function differenceChart(label: string, rows: readonly ForestRow[]): Markup {
  const [low, high] = [Math.min(0, ...rows.map((row) => row.low)), Math.max(0, ...rows.map((row) => row.high))];
  const room = 5 * (high - low) || 1; // of the axis, in percent: our choice
  const told = (value: number) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(1)}`;
  return forest(label, rows, { domain: [100 * low - room, 100 * high + room], told });
}

type Axis = { domain: [number, number]; told: (value: number) => string };

function forest(label: string, rows: readonly ForestRow[], { domain, told }: Axis): Markup {
  const [start] = domain;
  const data = rows.map((row) => ({ ...row, value: 100 * row.value, low: 100 * row.low, high: 100 * row.high }));
  const color = (row: ForestRow) => (row.emphasis ? ACCENT : MUTED);
  const bar = { strokeWidth: 6, strokeOpacity: 0.3, strokeLinecap: "round" } as const;
  const beside = { dx: 11, textAnchor: "start", fill: INK, fontWeight: 600, fontSize: 12.5 } as const;
  return draw(label, {
    width: 420,
    height: 34 + 38 * rows.length,
    marginLeft: 6,
    marginRight: 44,
    marginTop: 6,
    x: { domain, grid: true, ticks: 6, label: null },
    y: { domain: rows.map((row) => row.label), axis: null },
    marks: [
      ...(start < 0 ? [Plot.ruleX([0], { stroke: MUTED, strokeOpacity: 0.7 })] : []),
      Plot.text(data, {
        y: "label",
        x: start,
        text: "label",
        dy: -13,
        textAnchor: "start",
        fill: color,
        fontSize: 12.5,
      }),
      Plot.ruleY(data, { y: "label", x1: "low", x2: "high", stroke: color, dy: 5, ...bar }),
      Plot.dot(data, { y: "label", x: "value", fill: color, r: 5.5, dy: 5, symbol: shapeOf }),
      Plot.text(data, { y: "label", x: "high", text: ({ value }: ForestRow) => told(value), dy: 5, ...beside }),
    ],
  });
}

const shapeOf = ({ emphasis }: ForestRow) => (emphasis ? "circle" : "diamond");

/** One optimiser step; `at` counts through all rounds. */
export type CurveStep = { at: number; round: number; value: number };

/** A training curve through all rounds: thin as it was, thick as a moving mean; each round starts at a rule. */
export function curveChart(label: string, steps: readonly CurveStep[], domain?: [number, number]): Markup {
  const starts = steps.filter(({ round }, index) => round !== steps[index - 1]?.round);
  const k = Math.max(1, Math.round(steps.length / starts.length / 6)); // our choice: a sixth of a round
  return draw(label, {
    height: 170,
    marginLeft: 40,
    marginRight: 14,
    marginTop: 20,
    x: { label: "step →", ticks: 5 },
    y: { grid: true, ticks: 4, label: null, zero: true, ...(domain === undefined ? {} : { domain }) },
    marks: [
      Plot.ruleX(starts, { x: "at", stroke: MUTED, strokeOpacity: 0.5, strokeDasharray: "2 3" }),
      Plot.text(starts, {
        x: "at",
        frameAnchor: "top",
        text: ({ round }: CurveStep) => (starts.length > 8 ? String(round) : `round ${round}`),
        dy: -13,
        dx: 2,
        textAnchor: "start",
        fill: MUTED,
      }),
      Plot.lineY(steps, { x: "at", y: "value", z: "round", stroke: ACCENT, strokeWidth: 1, strokeOpacity: 0.35 }),
      Plot.lineY(
        steps,
        Plot.windowY({ k, reduce: "mean" }, { x: "at", y: "value", z: "round", stroke: ACCENT, strokeWidth: 2 }),
      ),
    ],
  });
}
