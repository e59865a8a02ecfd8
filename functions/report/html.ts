/** `report.html`: one file, no network, no script; what models and users wrote is escaped. */
import type { Report } from "../../shared/schemas/report.ts";
import type { ReportExamples } from "./examples.ts";
import { html, type Markup, trusted } from "./markup.ts";
import { controlsSection } from "./sections/controls.ts";
import { detailsSection } from "./sections/details.ts";
import { heldOutSection, pairsSection } from "./sections/examples.ts";
import { headlineSection } from "./sections/headline.ts";
import { progressSection } from "./sections/progress.ts";
import { roundsSections } from "./sections/rounds.ts";
import { STYLE } from "./style.ts";

/** Pictures come from the page itself and nothing else is loaded or run, whatever a text smuggles in. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/** Shown as links in the order of the page; a section without data is left out. */
const SECTIONS = [
  ["progress", "Over the rounds"],
  ["controls", "Is it real?"],
  ["samples", "Held-out samples"],
  ["pairs", "Pairs"],
  ["rounds", "Round by round"],
  ["training", "Training"],
  ["money", "Time and money"],
  ["details", "How to check it"],
] as const;

function linksTo(body: Markup): Markup {
  const there = SECTIONS.filter(([id]) => body.text.includes(`<section id="${id}">`));
  return html`${there.map(([id, title]) => html`<a href="#${id}">${title}</a> `)}`;
}

/**
 * The whole page.
 * @param examples what it shows in pictures; empty lists leave those sections out
 * @returns HTML, UTF-8; below 3 MB with twenty thumbnails (thumbnail.ts)
 */
export function reportHtml(report: Report, examples: ReportExamples): string {
  const body = html`${progressSection(report)}${controlsSection(report)}${heldOutSection(examples)}${pairsSection(examples)}
    ${roundsSections(report)}${detailsSection(report)}`;
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}"><meta name="generator" content="rlaifv">
<title>${report.run.name} · RLAIF-V run report</title><link rel="icon" href="data:,"><style>${trusted(STYLE)}</style></head>
<body>${headlineSection(report, linksTo(body))}<main>${body}</main></body></html>
`;
  return page.text;
}
