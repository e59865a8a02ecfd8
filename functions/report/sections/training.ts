/** How each round's training went and which checkpoint it promoted. */
import type { Considered, Report, RoundReport, SelectionTests } from "../../../shared/schemas/report.ts";
import { type CurveStep, curveChart } from "../charts.ts";
import { count, DASH, decimal, percent, points, withInterval } from "../format.ts";
import { html, type Markup } from "../markup.ts";

type CurveValue = "loss" | "margin" | "accuracy";

function curve(rounds: readonly RoundReport[], value: CurveValue): CurveStep[] {
  const steps = rounds.flatMap(({ round, training }) =>
    training?.outcome === "trained" ? training.curve.map((point) => ({ round, value: point[value] })) : [],
  );
  return steps.map((step, index) => ({ ...step, at: index + 1 }));
}

const CURVES: readonly { value: CurveValue; title: string; hint: string; domain?: [number, number] }[] = [
  { value: "loss", title: "Loss", hint: "ln 2 = 0.69 where policy and reference agree" },
  { value: "margin", title: "Reward margin", hint: "chosen − rejected, nats × beta" },
  { value: "accuracy", title: "Reward accuracy", hint: "share of pairs preferred as labeled", domain: [0, 1] },
];

function trainingRow({ round, training, selection, checkpoint }: RoundReport): Markup {
  const trained = training?.outcome === "trained" ? training : null;
  const refused =
    training?.outcome === "too_few_pairs" ? `too few pairs: ${training.pairs} of ${training.needed} needed` : null;
  return html`<tr><th scope="row">${round}</th><td>${trained ? count(trained.steps) : DASH}</td><td>${decimal(trained?.loss ?? null, 3)}</td>
    <td>${decimal(trained?.reward_margin ?? null, 2)}</td><td>${percent(trained?.reward_accuracy ?? null)}</td>
    <td>${checkpoint?.id ?? DASH}</td><td class="text">${refused ?? selection?.reason ?? DASH}</td></tr>`;
}

type Tested = NonNullable<SelectionTests["checkpoints"][number]>;

/** `−12.3 points (p 0.02)`: p corrected over the round's tests. */
function changeCell(tested: Tested | undefined): Markup {
  const { value, p_adjusted: p } = tested?.response_hallucination ?? { value: null, p_adjusted: null };
  if (value === null) return html`<td>${DASH}</td>`;
  const sure = p === null ? "not tested" : `p ${p < 0.001 ? "< 0.001" : `= ${p.toFixed(3)}`}`;
  return html`<td>${points(value)}<span class="fine">${sure}</span></td>`;
}

type Row = { round: number; considered: Considered; promoted: string | undefined; tested: Tested | undefined };

function consideredRow({ round, considered, promoted, tested }: Row): Markup {
  const { checkpoint, passed, reason, response_hallucination, recall, words } = considered;
  const verdict = checkpoint === promoted ? "promoted" : passed ? "passed" : "refused";
  return html`<tr><th scope="row">${round}</th><td class="text">${checkpoint}</td><td>${withInterval(response_hallucination, "percent")}</td>
    ${changeCell(tested)}<td>${percent(recall.value)}</td><td>${decimal(words.value)}</td><td class="text">${verdict}: ${reason}</td></tr>`;
}

function compared(rounds: readonly RoundReport[]): Markup | null {
  const rows = rounds.flatMap(({ round, selection, checkpoint }) =>
    (selection?.considered ?? []).map((considered) => {
      const tested = selection?.tests?.checkpoints.find((one) => one.checkpoint === considered.checkpoint);
      return consideredRow({ round, considered, promoted: checkpoint?.id, tested });
    }),
  );
  if (rows.length === 0) return null;
  const notes = new Set(rounds.flatMap(({ selection }) => selection?.tests?.notes ?? []));
  return html`<details class="card" style="margin-top:14px"><summary>Every checkpoint that was compared, on the selection split</summary>
    <div class="scroll"><table><thead><tr><th scope="col">round</th><th scope="col" class="text">checkpoint</th><th scope="col">response hall.</th>
    <th scope="col">against the base</th><th scope="col">recall</th><th scope="col">words</th><th scope="col" class="text">verdict</th></tr></thead><tbody>${rows}</tbody></table></div>
    ${[...notes].map((note) => html`<p class="note">${note}</p>`)}</details>`;
}

export function trainingSection({ rounds }: Report): Markup | null {
  if (rounds.every((round) => round.training === null)) return null;
  const charts = CURVES.map(({ value, title, hint, domain }) => {
    const steps = curve(rounds, value);
    return (
      steps.length > 0 &&
      html`<figure><figcaption><h3>${title}</h3><span class="fine">${hint}</span></figcaption>
        ${curveChart(`${title} of every training step; the table below has each round's end`, steps, domain)}</figure>`
    );
  });
  return html`<section id="training"><h2>Training</h2>
    <p class="note">DPO against the round's starting policy. Thin: every step; thick: a moving mean. The checkpoint is chosen on images
      that are not the reported ones.</p><div class="grid charts">${charts}</div>
    <div class="card scroll" style="margin-top:14px"><table><caption>End of each round (means of the last quarter of the steps)</caption>
      <thead><tr><th scope="col">round</th><th scope="col">steps</th><th scope="col">loss</th><th scope="col">margin</th>
      <th scope="col">accuracy</th><th scope="col">promoted</th><th scope="col" class="text">why</th></tr></thead><tbody>${rounds.map(trainingRow)}</tbody></table></div>${compared(rounds)}</section>`;
}
