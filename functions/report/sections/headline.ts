/** The top of the page: what came of the run in one sentence, and the figures before and after. */
import type { BenchFigureName, Estimate, FigureName, Metrics } from "../../../shared/schemas/metrics.ts";
import type { Report } from "../../../shared/schemas/report.ts";
import { dollars, duration, interval, inUnit, percent, plural, points, relativeChange, type Unit } from "../format.ts";
import { html, type Markup } from "../markup.ts";

/** The last metrics that a round brought; null before the first evaluation. */
export function alignedMetrics(report: Report): Metrics | null {
  return report.rounds.findLast(({ metrics }) => metrics !== null)?.metrics ?? null;
}

/** Percent for the confidence level: `95 %`. */
export const confidenceOf = (report: Report): string => percent(report.config.evaluate?.confidence ?? 0.95, 0);

const totalPairs = (report: Report) => report.rounds.reduce((total, { pairs }) => total + pairs, 0);

function headline(report: Report): string {
  const before = report.base?.response_hallucination.value ?? null;
  const after = alignedMetrics(report)?.response_hallucination.value ?? null;
  const rounds = plural(report.rounds.length, "round");
  if (before !== null && after !== null) {
    if (after < before)
      return `Answers that name something not there: from ${percent(before)} down to ${percent(after)} in ${rounds}`;
    return `Answers that name something not there: ${percent(before)} before, ${percent(after)} after ${rounds}`;
  }
  const pairs = totalPairs(report);
  return pairs > 0 ? `A preference dataset of ${plural(pairs, "pair")} in ${rounds}` : `A run without pairs so far`;
}

function lead(report: Report): Markup {
  const metrics = alignedMetrics(report);
  const p = report.comparison?.response_hallucination.p ?? null;
  const onHeldOut =
    metrics !== null &&
    html` Measured on ${plural(metrics.images, "held-out image")} with ${plural(metrics.answers, "sampled answer")}; brackets hold
    ${confidenceOf(report)} confidence intervals by bootstrap over images.`;
  const tested = p !== null && html` Paired test of no change: p ${p < 0.001 ? "< 0.001" : `= ${p.toFixed(3)}`}.`;
  return html`<p class="lead">${plural(totalPairs(report), "preference pair")} made by the models themselves, without human
    labels, in ${duration(report.seconds)} for ${dollars(report.cost_usd)}.${onHeldOut}${tested}</p>`;
}

type Card = {
  name: FigureName | BenchFigureName;
  title: string;
  unit: Unit;
  better: "lower" | "higher" | "neither";
  change: "relative" | "points";
};

const CARDS: readonly Card[] = [
  {
    name: "response_hallucination",
    title: "Response hallucination",
    unit: "percent",
    better: "lower",
    change: "relative",
  },
  {
    name: "mention_hallucination",
    title: "Mention hallucination",
    unit: "percent",
    better: "lower",
    change: "relative",
  },
  { name: "recall", title: "Object recall", unit: "percent", better: "higher", change: "points" },
  { name: "words", title: "Words per answer", unit: "number", better: "neither", change: "relative" },
  { name: "chair", title: "CHAIR (AMBER)", unit: "percent", better: "lower", change: "relative" },
  { name: "cover", title: "Cover (AMBER)", unit: "percent", better: "higher", change: "points" },
  { name: "hal", title: "Hal (AMBER)", unit: "percent", better: "lower", change: "relative" },
  { name: "cog", title: "Cog (AMBER)", unit: "percent", better: "lower", change: "relative" },
  { name: "labeler_agreement", title: "Labeler agreement", unit: "percent", better: "neither", change: "points" },
];

function badge(before: Estimate, after: Estimate, { better, change }: Card): Markup | null {
  if (before.value === null || after.value === null) return null;
  const difference = after.value - before.value;
  const text = change === "points" ? points(difference) : relativeChange(before.value, after.value);
  if (text === null) return null;
  const tone = better === "neither" || difference === 0 ? "" : difference < 0 === (better === "lower") ? "good" : "bad";
  return html`<span class="change ${tone}">${text}</span>`;
}

/** Nothing for a figure that only another benchmark has. */
function card(shown: Card, base: Metrics, aligned: Metrics | null, confidence: string): Markup | null {
  const { name, title, unit } = shown;
  const [before, after] = [base[name], aligned?.[name]];
  if (before === undefined) return null;
  const now = after ?? before;
  const was = after !== undefined && html`<span class="was">${inUnit(before.value, unit)} → </span>`;
  const changed = after !== undefined && badge(before, after, shown);
  return html`<div class="card"><div class="figure-name">${title}</div>
    <div class="big">${was}${inUnit(now.value, unit)}</div>
    <div>${changed} <span class="fine">${now.ci === null ? "not measured" : `${confidence} CI ${interval(now.ci, unit)}`}</span></div></div>`;
}

function cards(report: Report): Markup | null {
  const { base } = report;
  if (base === null) return null;
  const aligned = alignedMetrics(report);
  return html`<div class="grid cards" style="margin-top:26px">${CARDS.map((one) => card(one, base, aligned, confidenceOf(report)))}</div>`;
}

function state(report: Report): Markup | null {
  const { state: now, reason } = report.run;
  if (now === "finished") {
    return reason === null
      ? null
      : html`<p class="warning" role="note"><b>This run ended early.</b> It is finished: ${reason}.</p>`;
  }
  return html`<p class="warning" role="note"><b>This run is ${now}.</b> ${reason ?? "The figures are those of the part that is done."}</p>`;
}

const warning = (text: string) => html`<p class="warning" role="note"><b>Note.</b> ${text}</p>`;

export function headlineSection(report: Report, links: Markup): Markup {
  const { run, config } = report;
  const when = run.created_at.slice(0, 16).replace("T", " ");
  return html`<header class="top">
    <p class="kicker"><span><b>RLAIF-V</b> run report</span><span>${run.name}</span><span>${run.id}</span><span>${when} UTC</span>
      <span>policy ${config.policy.model}</span><span>seed ${run.seed}</span></p>
    <h1>${headline(report)}</h1>
    ${lead(report)}${state(report)}${report.warnings.map(warning)}${cards(report)}
    <nav aria-label="Sections">${links}</nav>
  </header>`;
}
