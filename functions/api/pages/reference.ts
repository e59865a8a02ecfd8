/** The reference: every route of the OpenAPI document, with what it takes, what it answers, and how to call it. */
import { html } from "hono/html";
import { curlOf } from "./curl.ts";
import { page, prose } from "./frame.ts";
import { fieldsOf, type Schema, typeOf } from "./schema-fields.ts";

type Content = Record<string, { schema: Schema; example?: unknown }>;
export type Parameter = { name: string; in: string; required?: boolean; description?: string; schema: Schema };
export type Operation = {
  tags?: string[];
  summary?: string;
  description?: string;
  parameters?: Parameter[];
  requestBody?: { description?: string; required?: boolean; content: Content };
  responses: Record<string, { description: string; content?: Content }>;
};
/** The part of an OpenAPI document that the page tells. */
export type ApiDocument = {
  info: { title: string; version: string; description?: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};
export type Route = { method: string; path: string; operation: Operation };
type Schemas = ApiDocument["components"]["schemas"];

export function referencePage(document: ApiDocument) {
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]): Route => ({ method, path, operation })),
  );
  const groups = document.tags.map(({ name, description }) => ({
    name,
    description,
    routes: routes.filter(({ operation }) => operation.tags?.includes(name)),
  }));
  const { schemas } = document.components;
  return page(
    "API reference",
    html`<p>Version ${document.info.version}. Also as <a href="/openapi.json">OpenAPI 3.1</a>; errors stand in <a href="/docs/problems">Problems</a>.</p>
${(document.info.description ?? "").split("\n\n").map((text) => html`<p>${prose(text)}</p>`)}
<nav aria-label="Routes"><ul>${routes.map((route) => html`<li><a href="#${anchorOf(route)}">${route.method.toUpperCase()} ${route.path}</a></li>`)}</ul></nav>
${groups.map((group) => html`<section><h2 id="${group.name}">${group.name}</h2><p>${group.description}</p>${group.routes.map((route) => routeArticle(route, schemas))}</section>`)}
<section><h2 id="schemas">schemas</h2>${Object.entries(schemas).map(([name, schema]) => html`<article id="schema-${name}"><h3><code>${name}</code></h3>${fieldTable(schema, schemas)}</article>`)}</section>`,
  );
}

/** `get-v1-runs-id`. */
export const anchorOf = ({ method, path }: Route): string =>
  `${method}${path.replaceAll(/[^A-Za-z0-9]+/g, "-").replace(/-$/, "")}`;

function routeArticle(route: Route, schemas: Schemas) {
  const { method, path, operation } = route;
  const { summary = "", description, parameters = [], requestBody, responses } = operation;
  const answers = Object.entries(responses).filter(([status]) => Number(status) < 400);
  const refusals = Object.keys(responses).filter((status) => Number(status) >= 400);
  return html`<article id="${anchorOf(route)}">
<h3><span class="method">${method}</span> <code>${path}</code></h3>
<p>${prose(summary)}</p>
${description === undefined ? "" : html`<p class="quiet">${prose(description)}</p>`}
${parameters.length === 0 ? "" : parameterTable(parameters, schemas)}
${requestBody === undefined ? "" : bodyPart(requestBody, schemas)}
<h4>Answers</h4>
<ul>${answers.map(([status, answer]) => html`<li><code>${status}</code> ${prose(answer.description)}${contentNote(answer.content, schemas)}</li>`)}</ul>
${refusals.length === 0 ? "" : html`<p class="quiet">Problems: ${refusals.join(", ")}</p>`}
<pre><code>${curlOf(route, schemas)}</code></pre>
</article>`;
}

function parameterTable(parameters: readonly Parameter[], schemas: Schemas) {
  const rows = parameters.map(
    ({ name, in: where, required, schema, description }) =>
      html`<tr><td><code>${name}</code></td><td>${where}${required === true ? ", required" : ""}</td><td><code>${typeOf(schema, schemas)}</code></td><td>${prose(description ?? schema.description ?? "")}</td></tr>`,
  );
  return html`<h4>Parameters</h4><div class="table"><table><thead><tr><th>Name</th><th>In</th><th>Type</th><th>Meaning</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function bodyPart({ description, content }: NonNullable<Operation["requestBody"]>, schemas: Schemas) {
  const kinds = Object.entries(content).map(
    ([type, { schema }]) => html`<p><code>${type}</code></p>${fieldTable(schema, schemas)}`,
  );
  return html`<h4>Body</h4>${description === undefined ? "" : html`<p class="quiet">${prose(description)}</p>`}${kinds}`;
}

function fieldTable(schema: Schema, schemas: Schemas) {
  const fields = fieldsOf(schema, schemas);
  if (fields.length === 0) return html`<p class="quiet">${typeOf(schema, schemas)}</p>`;
  const rows = fields.map(
    ({ name, required, form, type, note }) =>
      html`<tr><td><code>${name}</code></td><td>${[form === undefined ? [] : `form ${form}`, required ? "required" : []].flat().join(", ")}</td><td><code>${type}</code></td><td>${prose(note)}</td></tr>`,
  );
  return html`<div class="table"><table><thead><tr><th>Field</th><th></th><th>Type</th><th>Meaning</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** A good answer's fields, folded away; problems are the same everywhere. */
function contentNote(content: Content | undefined, schemas: Schemas) {
  const schema = content?.["application/json"]?.schema;
  if (schema === undefined) return "";
  return html`<details><summary>Fields</summary>${fieldTable(schema, schemas)}</details>`;
}
