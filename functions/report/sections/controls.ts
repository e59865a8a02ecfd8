/** Whether the result is what it seems: the checks, the controls and best-of-N. */
import type { Estimate, MetricSet } from "../../../shared/schemas/metrics.ts";
import type { Report } from "../../../shared/schemas/report.ts";
import { type ForestRow, forestChart } from "../charts.ts";
import { decimal, inUnit, percent, points, relativeChange, type Unit, withInterval } from "../format.ts";
import { html, type Markup } from "../markup.ts";
import { alignedMetrics } from "./headline.ts";

type Check = { holds: boolean | null; text: string };

/** What a result may lose before the check fails. */
const RECALL_LOSS = 0.01; // the demo’s target: within 1 point
const WORDS_LOSS = 0.03; // the demo’s target: 3 %
const FORM_RISE = 0.01; // our choice: a point, about the width of the interval

/** Unmeasured when either side is null. */
function check(before: Estimate, after: Estimate, holds: (before: number, after: number) => boolean): boolean | null {
  return before.value === null || after.value === null ? null : holds(before.value, after.value);
}

const fromTo = (before: Estimate, after: Estimate, unit: Unit) =>
  `${inUnit(before.value, unit)} → ${inUnit(after.value, unit)}`;

function formCheck(name: "malformed" | "duplicates", base: MetricSet, aligned: MetricSet): Check {
  const [before, after] = [base[name], aligned[name]];
  const sentences = name === "malformed" ? "Malformed sentences" : "Repeated sentences";
  const holds = check(before, after, (was, now) => now <= was + FORM_RISE);
  return { holds, text: `${sentences} do not rise: ${fromTo(before, after, "percent")}.` };
}

function truncationCheck(truncated: MetricSet | null, aligned: MetricSet): Check[] {
  if (truncated === null) return [];
  const [control, model] = [truncated.response_hallucination, aligned.response_hallucination];
  const apart = control.ci !== null && model.ci !== null && control.ci[0] > model.ci[1];
  const rest = `the base's answers, shortened until they have no more sentences, still hallucinate in ${percent(control.value)}, the aligned model in ${percent(model.value)}.`;
  return [{ holds: check(control, model, () => apart), text: `Saying less does not explain it: ${rest}` }];
}

function checksOf(report: Report, base: MetricSet, aligned: MetricSet): Check[] {
  const change = relativeChange(base.words.value, aligned.words.value);
  const difference = report.comparison?.recall.value ?? null;
  const recall = difference === null ? "" : ` (${points(difference)})`;
  return [
    {
      holds: check(base.recall, aligned.recall, (was, now) => now >= was - RECALL_LOSS),
      text: `It still sees what is there: object recall ${fromTo(base.recall, aligned.recall, "percent")}${recall}.`,
    },
    {
      holds: check(base.words, aligned.words, (was, now) => now >= was * (1 - WORDS_LOSS)),
      text: `It does not hide in short answers: words per answer ${fromTo(base.words, aligned.words, "number")}${change === null ? "" : ` (${change})`}.`,
    },
    formCheck("malformed", base, aligned),
    formCheck("duplicates", base, aligned),
    ...truncationCheck(report.controls.truncated_base, aligned),
  ];
}

function checkItem({ holds, text }: Check): Markup {
  if (holds === null)
    return html`<li><span class="sign" aria-hidden="true">–</span><span>Not measured. ${text}</span></li>`;
  const [tone, sign, word] = holds ? ["good", "✓", "Holds"] : ["bad", "✗", "Does not hold"];
  return html`<li><span class="sign ${tone}" aria-hidden="true">${sign}</span><span><span class="hidden">${word}: </span>${text}</span></li>`;
}

type Model = { label: string; metrics: MetricSet | null | undefined; emphasis: boolean };

function modelsOf(report: Report): { label: string; metrics: MetricSet; emphasis: boolean }[] {
  const { controls, best_of_n: best } = report;
  const models: Model[] = [
    { label: "base model", metrics: report.base, emphasis: false },
    { label: "base, shortened", metrics: controls.truncated_base, emphasis: false },
    { label: `base, best of ${best?.n}`, metrics: best?.base, emphasis: false },
    { label: "fine-tuned on chosen only", metrics: controls.sft_only, emphasis: false },
    { label: "aligned model", metrics: alignedMetrics(report), emphasis: true },
    { label: `aligned, best of ${best?.n}`, metrics: best?.aligned, emphasis: true },
  ];
  return models.flatMap(({ metrics, ...model }) => (metrics ? [{ ...model, metrics }] : []));
}

function forestRow({
  label,
  metrics,
  emphasis,
}: {
  label: string;
  metrics: MetricSet;
  emphasis: boolean;
}): ForestRow[] {
  const { value, ci } = metrics.response_hallucination;
  return value === null ? [] : [{ label, value, low: ci?.[0] ?? value, high: ci?.[1] ?? value, emphasis }];
}

function modelRow({ label, metrics }: { label: string; metrics: MetricSet }): Markup {
  return html`<tr><th scope="row">${label}</th><td>${withInterval(metrics.response_hallucination, "percent")}</td>
    <td>${withInterval(metrics.mention_hallucination, "percent")}</td><td>${percent(metrics.recall.value)}</td>
    <td>${decimal(metrics.words.value)}</td><td>${decimal(metrics.sentences.value)}</td><td>${percent(metrics.malformed.value)}</td></tr>`;
}

export function controlsSection(report: Report): Markup | null {
  const aligned = alignedMetrics(report);
  if (report.base === null) return null;
  const models = modelsOf(report);
  const rows = models.flatMap(forestRow);
  const checks = aligned === null ? [] : checksOf(report, report.base, aligned);
  return html`<section id="controls"><h2>Is it real?</h2>
    <p class="note">A model can look more trustworthy by saying less, by saying nonsense that no metric counts, or by luck. These
      are the controls.</p>
    <div class="grid pair-of">${checks.length > 0 && html`<div class="card"><ul class="checks">${checks.map(checkItem)}</ul></div>`}
    ${
      rows.length > 0 &&
      html`<figure><figcaption><h3>Response hallucination of every variant</h3><span class="fine">% of answers; bars: confidence intervals</span></figcaption>
      ${forestChart("Response hallucination of base, controls and aligned model; the table below has the numbers", rows)}</figure>`
    }</div>
    <details class="data"><summary>Numbers</summary><div class="scroll"><table>
      <thead><tr><th scope="col">model</th><th scope="col">response hall.</th><th scope="col">mention hall.</th><th scope="col">recall</th>
        <th scope="col">words</th><th scope="col">sentences</th><th scope="col">malformed</th></tr></thead>
      <tbody>${models.map(modelRow)}</tbody></table></div></details></section>`;
}
