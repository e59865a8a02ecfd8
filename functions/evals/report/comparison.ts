/** `comparison.html`: two evaluations of the same items, one file, no network, no script. */
import type { Comparison, FigureComparison } from "../../../shared/evaluation/compare.ts";
import type { BenchName, FigureInfo } from "../../../shared/schemas/evaluation.ts";
import { differenceChart } from "../../report/charts.ts";
import { count, DASH, decimal, inUnit, plural, points, spaced } from "../../report/format.ts";
import { html, type Markup, trusted } from "../../report/markup.ts";
import { STYLE } from "../../report/style.ts";
import { EVALUATION_STYLE, POLICY, section, table } from "./html.ts";
import { unitOf } from "./shown.ts";

/** `a` and `b`: what the two are called. */
export type ShownComparison = {
  bench: BenchName;
  infos: readonly FigureInfo[];
  a: string;
  b: string;
  comparison: Comparison;
};

/** A difference that Holm's correction leaves below it is told as one. Our choice, and everybody's. */
const LEVEL = 0.05;

type Row = { info: FigureInfo; figure: FigureComparison };

function rowsOf({ infos, comparison }: ShownComparison): Row[] {
  return infos.flatMap((info) => {
    const figure = comparison.figures[info.name];
    return figure === undefined ? [] : [{ info, figure }];
  });
}

/** `better`, `worse`, `no difference seen`, or nothing where a figure has no direction. */
export function verdictOf({ info, figure }: Row): string {
  const { value } = figure.difference;
  if (value === null || figure.pAdjusted === null) return "not tested";
  if (info.better === "neither") return "told beside";
  if (figure.pAdjusted >= LEVEL) return "no difference seen";
  return value < 0 === (info.better === "lower") ? "better" : "worse";
}

function cellsOf(row: Row): string[] {
  const { info, figure } = row;
  const unit = unitOf(info);
  const { value, ci } = figure.difference;
  const told = (difference: number) => (unit === "percent" ? points(difference) : decimal(difference));
  const range =
    ci === null ? "" : ` [${ci.map((end) => (unit === "percent" ? decimal(100 * end) : decimal(end))).join(", ")}]`;
  const p = figure.pAdjusted;
  return [
    spaced(info.name),
    inUnit(figure.a, unit),
    inUnit(figure.b, unit),
    value === null ? DASH : `${told(value)}${range}`,
    p === null ? DASH : p < 0.001 ? "< 0.001" : p.toFixed(3),
    verdictOf(row),
  ];
}

function chart(rows: readonly Row[]): Markup | null {
  const shares = rows.flatMap(({ info, figure }) => {
    const { value, ci } = figure.difference;
    if (info.kind !== "share" || info.better === "neither" || value === null || ci === null) return [];
    return [{ label: spaced(info.name), value, low: ci[0], high: ci[1], emphasis: info.better === "lower" }];
  });
  return shares.length === 0
    ? null
    : html`<figure class="forest"><figcaption>Differences in points of percent with their intervals; round marks: lower is better, left of 0 is a gain</figcaption>${differenceChart("differences with their intervals", shares)}</figure>`;
}

/** The whole page. */
export function comparisonHtml(shown: ShownComparison): string {
  const { bench, a, b, comparison } = shown;
  const { items, images, leftOut, notes } = comparison;
  const rows = rowsOf(shown);
  const aside = leftOut === 0 ? "none left out" : `${count(leftOut)} left out, which one of the two did not answer`;
  const head = ["figure", a, b, "difference [95 % interval]", "p (Holm)", "reading"];
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}"><meta name="generator" content="rlaifv">
<title>${bench} · ${b} against ${a}</title><style>${trusted(STYLE)}${trusted(EVALUATION_STYLE)}</style></head>
<body><header class="top"><p class="kicker"><span><b>RLAIF-V</b> comparison</span><span>${bench}</span></p>
<h1>${b} against ${a}</h1><p class="lead">${plural(items, "item")} of ${plural(images, "image")}, the same on both sides, ${aside}.</p></header><main>
${section("Differences", html`${chart(rows)}${table(head, rows.map(cellsOf), ["reading"])}`)}
${section("Notes", notes.length === 0 ? null : html`<ul>${notes.map((note) => html`<li>${note}</li>`)}</ul>`)}
</main></body></html>
`.text;
}
