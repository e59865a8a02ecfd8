/** The figures over the rounds: a chart and a table each. */
import type { BenchFigureName, Estimate, FigureName, Metrics } from "../../../shared/schemas/metrics.ts";
import type { Report } from "../../../shared/schemas/report.ts";
import { type BandPoint, bandChart, type Level } from "../charts.ts";
import { inUnit, type Unit, withInterval } from "../format.ts";
import { html, type Markup } from "../markup.ts";
import { confidenceOf } from "./headline.ts";

type Chart = {
  name: FigureName | BenchFigureName;
  title: string;
  hint: string;
  unit: Unit;
  fromZero: boolean;
  good: boolean;
};

const CHARTS: readonly Chart[] = [
  {
    name: "response_hallucination",
    title: "Response hallucination",
    hint: "% of answers, lower is better",
    unit: "percent",
    fromZero: true,
    good: false,
  },
  {
    name: "mention_hallucination",
    title: "Mention hallucination",
    hint: "% of objects named, lower is better",
    unit: "percent",
    fromZero: true,
    good: false,
  },
  {
    name: "claim_error",
    title: "False claims",
    hint: "% of claims, lower is better",
    unit: "percent",
    fromZero: true,
    good: false,
  },
  {
    name: "recall",
    title: "Object recall",
    hint: "% of objects there, should not fall",
    unit: "percent",
    fromZero: false,
    good: true,
  },
  {
    name: "chair",
    title: "CHAIR (AMBER)",
    hint: "% of objects named, lower is better",
    unit: "percent",
    fromZero: true,
    good: false,
  },
  {
    name: "cover",
    title: "Cover (AMBER)",
    hint: "% of annotated objects, should not fall",
    unit: "percent",
    fromZero: false,
    good: true,
  },
  {
    name: "hal",
    title: "Hal (AMBER)",
    hint: "% of answers, lower is better",
    unit: "percent",
    fromZero: true,
    good: false,
  },
  {
    name: "cog",
    title: "Cog (AMBER)",
    hint: "% of objects named, lower is better",
    unit: "percent",
    fromZero: true,
    good: false,
  },
  { name: "words", title: "Words per answer", hint: "should not fall", unit: "number", fromZero: true, good: true },
  {
    name: "true_claims",
    title: "True claims per answer",
    hint: "different ones, should not fall",
    unit: "number",
    fromZero: true,
    good: true,
  },
];

/** A figure that only another benchmark has. */
const NOT_MEASURED: Estimate = { value: null, ci: null, n: 0 };

type At = { round: number; metrics: Metrics };

function evaluations(report: Report): At[] {
  const base = report.base === null ? [] : [{ round: 0, metrics: report.base }];
  const rounds = report.rounds.flatMap(({ round, metrics }) => (metrics === null ? [] : [{ round, metrics }]));
  return [...base, ...rounds];
}

function bandPoint(round: number, estimate: Estimate | undefined): BandPoint[] {
  const { value, ci } = estimate ?? NOT_MEASURED;
  return value === null ? [] : [{ round, value, low: ci?.[0] ?? value, high: ci?.[1] ?? value }];
}

const level = (round: number, value: number | null | undefined): Level[] =>
  value === null || value === undefined ? [] : [{ round, value }];

function row({ round, metrics }: At, { name, unit }: Chart): Markup {
  const greedy = metrics.greedy?.[name]?.value ?? null;
  return html`<tr><th scope="row">${round === 0 ? "base" : round}</th><td>${withInterval(metrics[name] ?? NOT_MEASURED, unit)}</td><td>${inUnit(greedy, unit)}</td></tr>`;
}

function figure(chart: Chart, at: readonly At[], confidence: string): Markup | null {
  const sampled = at.flatMap(({ round, metrics }) => bandPoint(round, metrics[chart.name]));
  const greedy = at.flatMap(({ round, metrics }) => level(round, metrics.greedy?.[chart.name]?.value));
  if (sampled.length === 0) return null;
  return html`<figure><figcaption><h3>${chart.title}</h3><span class="fine">${chart.hint}</span></figcaption>
    ${bandChart(`${chart.title} over the rounds; the table below has the numbers`, { sampled, greedy }, chart)}
    <details class="data"><summary>Numbers</summary><div class="scroll"><table>
      <thead><tr><th scope="col">round</th><th scope="col">sampled, ${confidence} CI</th><th scope="col">greedy</th></tr></thead>
      <tbody>${at.map((one) => row(one, chart))}</tbody></table></div></details></figure>`;
}

export function progressSection(report: Report): Markup | null {
  const at = evaluations(report);
  if (at.length === 0) return null;
  const confidence = confidenceOf(report);
  return html`<section id="progress"><h2>Over the rounds</h2>
    <p class="note">Line and points: answers sampled as a user would get them, with the ${confidence} interval as a band. Dashed:
      greedy decoding. “base” is the model before any training.</p>
    <div class="grid charts">${CHARTS.map((chart) => figure(chart, at, confidence))}</div></section>`;
}
