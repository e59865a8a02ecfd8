/** Draws a run's figures. */
import * as Plot from "@observablehq/plot";
import { type BandPoint, type CurvePoint, type Figure, roundName } from "../../model/figures.ts";

/** Narrow enough for a phone, so that the letters are as large there as on a desk. */
const WIDTH = 340;
const HEIGHT = 180;
const COLOR = { good: "var(--good)", bad: "var(--bad)", plain: "var(--accent)" } as const;
const STYLE = { background: "none", color: "var(--muted)", fontSize: "11px", fontFamily: "inherit" };

/** A figure as SVG, without the style element that Plot adds: the page's policy allows styles from its own files only. */
export function draw(figure: Figure): Element {
  const options = figure.kind === "band" ? band(figure) : curve(figure);
  const svg = Plot.plot({ width: WIDTH, height: HEIGHT, style: STYLE, ...options });
  svg.querySelector("style")?.remove();
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${figure.title}, ${figure.hint}; the table below has the numbers`);
  return svg;
}

function domainOf(points: readonly BandPoint[], fromZero: boolean, percent: boolean): [number, number] {
  const highest = Math.max(...points.map(({ high }) => high));
  const lowest = Math.min(...points.map(({ low }) => low));
  const floor = fromZero ? 0 : Math.max(0, Math.floor(0.9 * lowest));
  const top = floor + 1.12 * Math.max(highest - floor, 1e-9);
  return [floor, percent ? Math.min(100, top) : top];
}

function band({ points, tone, fromZero, unit }: Extract<Figure, { kind: "band" }>): Plot.PlotOptions {
  const color = COLOR[tone];
  const rounds = points.map(({ round }) => round);
  const ends = points.filter((_, index) => index === 0 || index === points.length - 1);
  const digits = points.every(({ value }) => Number.isInteger(value)) && unit === "number" ? 0 : 1;
  const domain = domainOf(points, fromZero, unit === "percent");
  return {
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
    y: { domain, grid: true, ticks: 4, label: null, tickFormat: (tick: number) => `${tick}` },
    marks: [
      Plot.areaY(points, { x: "round", y1: "low", y2: "high", fill: color, fillOpacity: 0.16 }),
      Plot.ruleX(points, { x: "round", y1: "low", y2: "high", stroke: color, strokeOpacity: 0.5 }),
      Plot.lineY(points, { x: "round", y: "value", stroke: color, strokeWidth: 2.2 }),
      Plot.dot(points, { x: "round", y: "value", fill: color, stroke: "var(--card)", r: 4 }),
      Plot.text(ends, {
        x: "round",
        y: "high",
        text: ({ value }: BandPoint) => value.toFixed(digits),
        dy: -9,
        fill: "var(--ink)",
        fontWeight: 600,
        fontSize: 12,
      }),
    ],
  };
}

/** Thin as it was, thick as a moving mean; each round starts at a rule. */
function curve({ points, reference }: Extract<Figure, { kind: "curve" }>): Plot.PlotOptions {
  const starts = points.filter(({ round }, index) => round !== points[index - 1]?.round);
  const k = Math.max(1, Math.round(points.length / starts.length / 6)); // our choice: a sixth of a round
  const heights = [...points.map(({ value }) => value), 0, ...(reference === null ? [] : [reference])];
  const top = Math.max(...heights);
  const domain = [Math.min(...heights), top === Math.min(...heights) ? 1 : top];
  const line = { x: "at", y: "value", z: "round", stroke: "var(--accent)" } as const;
  return {
    marginLeft: 40,
    marginRight: 14,
    marginTop: 20,
    x: { label: "step →", ticks: Math.min(5, points.length), tickFormat: "d" },
    y: { grid: true, ticks: 4, label: null, zero: true, domain, tickFormat: "~g" },
    marks: [
      ...(reference === null ? [] : [Plot.ruleY([reference], { stroke: "var(--muted)", strokeDasharray: "4 3" })]),
      Plot.ruleX(starts, { x: "at", stroke: "var(--muted)", strokeOpacity: 0.5, strokeDasharray: "2 3" }),
      Plot.text(starts, {
        x: "at",
        frameAnchor: "top",
        text: ({ round }: CurvePoint) => (starts.length > 8 ? String(round) : `round ${round}`),
        dy: -13,
        dx: 2,
        textAnchor: "start",
        fill: "var(--muted)",
      }),
      Plot.lineY(points, { ...line, strokeWidth: 1, strokeOpacity: 0.35 }),
      Plot.lineY(points, Plot.windowY({ k, reduce: "mean" }, { ...line, strokeWidth: 2 })),
    ],
  };
}
