/** The frame of the documentation's pages: no script, nothing from elsewhere, light and dark. */
import { html, raw } from "hono/html";

type Markup = ReturnType<typeof html>;

const STYLE = `
:root { color-scheme: light dark; --line: #d5d9e0; --soft: #f4f6f9; --ink: #1b2330; --quiet: #5a6577; --accent: #1d5fbf; }
@media (prefers-color-scheme: dark) {
  :root { --line: #323b49; --soft: #1c232e; --ink: #e6eaf1; --quiet: #9aa6b8; --accent: #7db1ff; }
  body { background: #12171f; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem; color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
a { color: var(--accent); }
code, pre { font: 0.875em/1.5 ui-monospace, monospace; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: 0.75rem; overflow-x: auto; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
article { border: 1px solid var(--line); border-radius: 8px; padding: 0 1rem 1rem; margin: 1rem 0; }
article h3 { font-size: 1rem; overflow-wrap: anywhere; }
.method { background: var(--soft); border: 1px solid var(--line); border-radius: 4px; padding: 0.1rem 0.4rem; text-transform: uppercase; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: 0.35rem 0.75rem 0.35rem 0; text-align: left; vertical-align: top; }
.quiet { color: var(--quiet); }
nav ul { columns: 22rem; padding-left: 1.2rem; }
:target { outline: 2px solid var(--accent); outline-offset: 2px; }
`;

export function page(title: string, content: Markup): Markup {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · rlaifv</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<header><h1>${title}</h1></header>
<main>${content}</main>
</body>
</html>`;
}

/** Text in which `backticks` mark code. */
export function prose(text: string): Markup {
  const parts = text.split("`").map((part, at) => (at % 2 === 1 ? html`<code>${part}</code>` : part));
  return html`${parts}`;
}
