/** `report.html` of an evaluation: one file, no network, no script; what models wrote is escaped. */
import { forestChart } from "../../report/charts.ts";
import { spaced } from "../../report/format.ts";
import { html, type Markup, trusted } from "../../report/markup.ts";
import { STYLE } from "../../report/style.ts";
import * as shown from "./shown.ts";

/** Beside the report's style: a chart of few rows does not fill a wide screen. */
export const EVALUATION_STYLE = `
figure.forest { max-width: 600px; margin-bottom: 18px; }
.asked { font-weight: 600; margin: 4px 0; }
.made-up { margin: 4px 0; color: var(--bad); }
`;

/** Nothing is loaded or run, whatever a text smuggles in. */
export const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** Numbers stand right; `words`: titles of the columns that stand left and wrap. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  words: readonly string[] = [],
): Markup | null {
  if (rows.length === 0) return null;
  const kind = (column: number) => (words.includes(head[column]!) ? "text" : "");
  return html`<div class="scroll"><table><thead><tr>${head.map((title, column) => html`<th scope="col" class="${kind(column)}">${title}</th>`)}</tr></thead>
    <tbody>${rows.map(([name, ...cells]) => html`<tr><th scope="row">${name}</th>${cells.map((text, at) => html`<td class="${kind(at + 1)}">${text}</td>`)}</tr>`)}</tbody></table></div>`;
}

function facts(rows: readonly (readonly string[])[]): Markup {
  return html`<dl>${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

export function section(title: string, body: Markup | null): Markup | null {
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
    : html`<figure class="forest"><figcaption>Shares in percent with their intervals; round marks: lower is better</figcaption>${forestChart("figures with their intervals", rows)}</figure>`;
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
      madeUp,
    }) => html`<article class="card"><h3>${score.itemId}</h3><p class="fine">${loss}</p>
      <p class="asked">${question}</p><p>${answer}</p>${madeUp.length === 0 ? null : html`<p class="made-up">not there: <b>${madeUp.join(", ")}</b></p>`}<details><summary>what was found</summary><pre>${JSON.stringify(score.detail, null, 2)}</pre></details></article>`,
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
<title>${result.bench} · evaluation</title><style>${trusted(STYLE)}${trusted(EVALUATION_STYLE)}</style></head>
<body><header class="top"><p class="kicker"><span><b>RLAIF-V</b> evaluation</span><span>${result.bench}</span><span>${result.mode}</span></p>
<h1>${result.bench}: ${result.answers.model ?? result.answers.source}</h1><p class="lead">${shown.leadText(result)}.</p></header><main>
${section("Figures", html`${chart(result)}${table(shown.FIGURE_HEAD, shown.figureRows(result), ["reading", "meaning"])}`)}
${section("By group", table(groupHead, shown.groupRows(result)))}
${section("Other numbers", table(["number", "value"], shown.extraRows(result)))}
${section("Notes", notes(result.notes))}
${section("Worst items", worst(evaluation))}
${section("How to check it", facts(shown.factRows(result)))}
</main></body></html>
`.text;
}
