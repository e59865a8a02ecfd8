/** Every problem code with its meaning and the way out. */
import { html } from "hono/html";
import { PROBLEM_CODES, type ProblemEntry } from "../problem-codes.ts";
import { page } from "./frame.ts";

export function problemsPage() {
  const entries = Object.entries<ProblemEntry>(PROBLEM_CODES).sort(([a], [b]) => (a < b ? -1 : 1));
  const rows = entries.map(
    ([code, { status, meaning, fix }]) =>
      html`<tr id="${code}"><td><a href="#${code}"><code>${code}</code></a></td><td>${status}</td><td>${meaning}</td><td>${fix}</td></tr>`,
  );
  return page(
    "Problems",
    html`<p>An error is a problem (RFC 9457) with a stable <code>code</code>, the <code>field</code> and <code>value</code> it is
about, and a <code>fix</code>. Programs may depend on the codes. Back to <a href="/reference">the reference</a>.</p>
<div class="table"><table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th><th>What to do</th></tr></thead>
<tbody>${rows}</tbody></table></div>`,
  );
}
