/** The report's one style sheet. Colours are CSS variables, also inside the charts; a state never differs by colour alone. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #f7f6f2; --card: #ffffff; --ink: #1c1f26; --muted: #626873; --line: #e2e0d8; --soft: #efede6;
  --accent: #2b5fa8; --good: #12766a; --bad: #ad3d1f; --doubt: #86660f;
  --good-tint: #dff2ed; --bad-tint: #fbe5dd; --doubt-tint: #f7eecd;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", sans-serif;
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, Georgia, "Liberation Serif", serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #13151a; --card: #1b1e25; --ink: #e9e7e1; --muted: #9ba1ad; --line: #2d313b; --soft: #242832;
    --accent: #84b1f0; --good: #58c6b2; --bad: #f0875f; --doubt: #dcb64d;
    --good-tint: #17352f; --bad-tint: #40241a; --doubt-tint: #382f13;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 var(--sans); overflow-wrap: anywhere; }
main, .top { max-width: 1120px; margin: 0 auto; padding: 0 20px; }
main { padding-bottom: 64px; }
h1, h2, h3 { line-height: 1.2; margin: 0; text-wrap: balance; }
h1 { font: 600 clamp(26px, 4.6vw, 42px)/1.14 var(--serif); letter-spacing: -0.01em; max-width: 24em; }
h2 { font: 600 24px/1.2 var(--serif); margin: 0 0 4px; }
h3 { font-size: 14px; font-weight: 650; }
p { margin: 0; }
a { color: var(--accent); }
.top { padding-top: 40px; padding-bottom: 26px; }
.kicker { color: var(--muted); font-size: 13px; letter-spacing: 0.02em; margin-bottom: 14px; display: flex; flex-wrap: wrap; gap: 4px 14px; }
.kicker b { color: var(--ink); font-weight: 650; }
.lead { margin-top: 14px; max-width: 46em; color: var(--muted); font-size: 16px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; margin-top: 18px; font-size: 14px; }
nav a { text-decoration: none; border-bottom: 1px solid color-mix(in srgb, var(--accent) 40%, transparent); }
section { margin-top: 48px; scroll-margin-top: 16px; }
section > .note { color: var(--muted); max-width: 50em; margin-bottom: 16px; }
.grid { display: grid; gap: 14px; }
.cards { grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); }
.charts { grid-template-columns: repeat(auto-fit, minmax(290px, 1fr)); align-items: start; }
.card, figure { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px; margin: 0; min-width: 0; }
.figure-name { color: var(--muted); font-size: 13px; font-weight: 600; }
.big { font: 600 30px/1.15 var(--serif); font-variant-numeric: tabular-nums; margin-top: 4px; white-space: nowrap; }
.big .was { color: var(--muted); font-size: 19px; font-weight: 400; }
.change { display: inline-block; font-size: 13px; font-weight: 650; padding: 1px 8px; border-radius: 99px; background: var(--soft); color: var(--ink); }
.change.good { background: var(--good-tint); color: var(--good); }
.change.bad { background: var(--bad-tint); color: var(--bad); }
.fine { color: var(--muted); font-size: 12.5px; }
.cards .fine { display: block; margin-top: 4px; }
.change { margin-top: 4px; }
figcaption { margin-bottom: 8px; }
figcaption .fine { display: block; }
figure svg { display: block; width: 100%; height: auto; overflow: visible; }
.pair-of { grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); align-items: stretch; }
details > summary { cursor: pointer; color: var(--muted); font-size: 13px; }
details > summary:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
details.data { margin-top: 8px; }
.scroll { overflow-x: auto; }
table { overflow-wrap: normal; border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); font-size: 13px; padding-bottom: 6px; }
th, td { text-align: right; padding: 5px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: top; }
th { color: var(--muted); font-weight: 600; font-size: 12.5px; }
tbody th { color: var(--ink); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.text, th.text { text-align: left; white-space: normal; min-width: 13em; }
tbody tr:last-child > * { border-bottom: 0; }
td .fine { display: block; font-size: 11.5px; }
.bar { display: block; height: 4px; border-radius: 2px; background: var(--accent); margin: 3px 0 0 auto; }
.checks { list-style: none; margin: 0; padding: 0; display: grid; gap: 10px; }
.checks li { display: grid; grid-template-columns: 24px 1fr; gap: 10px; }
.sign { width: 22px; height: 22px; border-radius: 50%; display: grid; place-items: center; font-size: 13px; font-weight: 700; background: var(--soft); color: var(--muted); }
.sign.good { background: var(--good-tint); color: var(--good); }
.sign.bad { background: var(--bad-tint); color: var(--bad); }
.warning { border-left: 4px solid var(--doubt); background: var(--doubt-tint); border-radius: 0 8px 8px 0; padding: 10px 14px; margin-top: 14px; overflow-wrap: anywhere; }
.warning b { color: var(--doubt); }
.legend { display: flex; flex-wrap: wrap; gap: 6px 16px; margin: 0 0 14px; font-size: 13px; color: var(--muted); }
.examples { grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); }
.example { display: grid; grid-template-columns: 140px minmax(0, 1fr); gap: 6px 16px; break-inside: avoid; }
.example > img { width: 140px; height: auto; max-height: 180px; object-fit: contain; border-radius: 8px; background: var(--soft); }
.example .crisp { image-rendering: pixelated; }
.answers { display: grid; gap: 12px; align-content: start; }
.answer h3 { display: flex; flex-wrap: wrap; gap: 0 8px; justify-content: space-between; margin-bottom: 3px; }
.answer h3 span { font-weight: 400; }
.answer .text { overflow-wrap: anywhere; line-height: 1.85; white-space: pre-line; }
.side { border-left: 3px solid var(--line); padding-left: 12px; }
.side.chosen { border-color: var(--good); }
.side.rejected { border-color: var(--bad); border-left-style: dashed; }
mark { color: inherit; background: var(--soft); border-radius: 4px; padding: 2px 5px; box-decoration-break: clone; -webkit-box-decoration-break: clone; }
mark.accepted { background: var(--good-tint); }
mark.rejected { background: var(--bad-tint); }
mark.abstained { background: var(--doubt-tint); }
mark i { font-style: normal; font-size: 11px; font-weight: 700; margin-left: 5px; white-space: nowrap; }
mark.accepted i { color: var(--good); } mark.rejected i { color: var(--bad); } mark.abstained i { color: var(--doubt); }
.false { text-decoration: underline wavy var(--bad) 1.3px; text-underline-offset: 3px; }
.claims { list-style: none; margin: 6px 0 0; padding: 0; display: grid; gap: 4px; font-size: 13.5px; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
pre { background: var(--soft); border-radius: 8px; padding: 12px; overflow-x: auto; font: 12.5px/1.5 var(--mono); }
code { font: 0.92em var(--mono); overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: minmax(9em, auto) 1fr; gap: 6px 18px; margin: 10px 0; font-size: 14px; }
dt { font-weight: 600; } dd { margin: 0; color: var(--muted); overflow-wrap: anywhere; }
.folded { border-top: 1px solid var(--line); padding: 10px 0; }
.folded > summary { font-size: 15px; color: var(--ink); font-weight: 600; }
footer { margin-top: 40px; color: var(--muted); font-size: 13px; }
@media (max-width: 560px) {
  main, .top { padding-left: 14px; padding-right: 14px; }
  .top { padding-top: 24px; }
  section { margin-top: 36px; }
  .cards { grid-template-columns: 1fr 1fr; gap: 10px; }
  .card, figure { padding: 12px; }
  .big { font-size: 24px; } .big .was { display: block; font-size: 15px; }
  .example { grid-template-columns: 84px minmax(0, 1fr); }
  .example > img { width: 84px; height: auto; }
  .example .answers { grid-column: 1 / -1; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 8px; }
}
@media print {
  :root { --paper: #fff; --card: #fff; --soft: #f4f3ef; --ink: #000; --muted: #444; --line: #ccc; color-scheme: light;
    --accent: #2b5fa8; --good: #12766a; --bad: #ad3d1f; --doubt: #86660f; --good-tint: #dff2ed; --bad-tint: #fbe5dd; --doubt-tint: #f7eecd; }
  body { font-size: 11pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  nav { display: none; }
  .card, figure, tr { break-inside: avoid; }
  section { margin-top: 24px; } h2 { break-after: avoid; }
}
`;
