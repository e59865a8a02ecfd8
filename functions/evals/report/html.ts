/** `report.html` of an evaluation: one file, no network, no script; what models wrote is escaped. */
import { forestChart } from "../../report/charts.ts";
import { spaced } from "../../report/format.ts";
import { html, type Markup, trusted } from "../../report/markup.ts";
import { STYLE } from "../../report/style.ts";
import * as shown from "./shown.ts";

/** Nothing is loaded or run, whatever a text smuggles in. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

function table(head: readonly string[], rows: readonly (readonly string[])[]): Markup | null {
  if (rows.length === 0) return null;
  return html`<div class="scroll"><table><thead><tr>${head.map((title) => html`<th scope="col">${title}</th>`)}</tr></thead>
    <tbody>${rows.map(([name, ...cells]) => html`<tr><th scope="row">${name}</th>${cells.map((text) => html`<td class="${text.length > 40 ? "text" : ""}">${text}</td>`)}</tr>`)}</tbody></table></div>`;
}

function section(title: string, body: Markup | null): Markup | null {
  return body && html`<section><h2>${title}</h2>${body}</section>`;
}

/** Shares on one axis; means have units of their own and stand in the table alone. */
function chart({ infos, figures }: shown.ShownEvaluation["result"]): Markup | null {
  const rows = infos.flatMap(({ name, kind, better }) => {
    const { value, ci } = figures[name]!;
    if (kind !== "share" || value === null || ci === null) return [];
    return [{ label: spaced(name), value, low: ci[0], high: ci[1], emphasis: better === "lower" }];
  });
  return rows.length === 0
    ? null
    : html`<figure><figcaption>Shares in percent with their intervals; round marks: lower is better</figcaption>${forestChart("figures with their intervals", rows)}</figure>`;
}

function worst(evaluation: shown.ShownEvaluation): Markup | null {
  const items = shown.worstItems(evaluation);
  if (items.length === 0) return null;
  return html`<div class="grid examples">${items.map(
    ({
      score,
      question,
      answer,
      loss,
    }) => html`<article class="card"><h3>${score.itemId}</h3><p class="fine">${loss}</p>
      <p><b>${question}</b></p><p>${answer}</p><details><summary>what was found</summary><pre>${JSON.stringify(score.detail, null, 2)}</pre></details></article>`,
  )}</div>`;
}

function notes(lines: readonly string[]): Markup | null {
  return lines.length === 0 ? null : html`<ul>${lines.map((line) => html`<li>${line}</li>`)}</ul>`;
}

/** The whole page. */
export function evaluationHtml(evaluation: shown.ShownEvaluation): string {
  const { result } = evaluation;
  const groupHead = ["group", ...result.infos.map(({ name }) => spaced(name))];
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}"><meta name="generator" content="rlaifv">
<title>${result.bench} · evaluation</title><style>${trusted(STYLE)}</style></head>
<body><header class="top"><p class="kicker"><span><b>RLAIF-V</b> evaluation</span><span>${result.bench}</span><span>${result.mode}</span></p>
<h1>${result.bench}: ${result.answers.model ?? result.answers.source}</h1></header><main>
${section("Figures", html`${chart(result)}${table(shown.FIGURE_HEAD, shown.figureRows(result))}`)}
${section("By group", table(groupHead, shown.groupRows(result)))}
${section("Other numbers", table(["number", "value"], shown.extraRows(result)))}
${section("Notes", notes(result.notes))}
${section("Worst items", worst(evaluation))}
${section("How to check it", table(["fact", "value"], shown.factRows(result)))}
</main></body></html>
`.text;
}
