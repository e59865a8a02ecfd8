/** How to call a route from a shell. */
import type { Route } from "./reference.ts";
import { resolved, type Schema } from "./schema-fields.ts";

type Schemas = Record<string, Schema>;

/** One command that can be pasted; `$RLAIFV` is the service's address and `$RLAIFV_KEY` a key. */
export function curlOf(route: Route, schemas: Schemas): string {
  const { method, path, operation } = route;
  const needed = (operation.parameters ?? []).filter(
    ({ in: where, required }) => where === "query" && required === true,
  );
  const query = needed.map(({ name, schema }) => `${name}=${exampleOf(schema, schemas)}`).join("&");
  const verb = method === "get" ? "" : ` -X ${method.toUpperCase()}`;
  const address = `"$RLAIFV${placeholders(path)}${query === "" ? "" : `?${query}`}"`;
  const parts = [`curl${verb} ${address}`];
  if (path.startsWith("/v1/")) parts.push('-H "Authorization: Bearer $RLAIFV_KEY"');
  parts.push(...bodyOf(route, schemas));
  return parts.join(" \\\n  ");
}

/** `{sampleId}` as `SAMPLE_ID`: curl would take braces as a list. */
export function placeholders(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => name.replaceAll(/[A-Z]/g, "_$&").toUpperCase());
}

function bodyOf({ operation, path }: Route, schemas: Schemas): string[] {
  const content = operation.requestBody?.content;
  if (content === undefined) return [];
  const json = path === "/v1/manifests" ? undefined : content["application/json"];
  if (path === "/v1/uploads/{id}") return ["-T photo.jpg"];
  if (path === "/v1/images") return ['-H "Content-Type: image/jpeg"', "--data-binary @photo.jpg"];
  if (json === undefined) return ['-H "Content-Type: application/x-ndjson"', "-T rows.jsonl"];
  return [
    '-H "Content-Type: application/json"',
    `-d '${JSON.stringify(json.example ?? exampleOf(json.schema, schemas))}'`,
  ];
}

/** A value that the schema takes: its example, or the least there is. */
function exampleOf(schema: Schema, schemas: Schemas): unknown {
  const { example, default: preset, enum: values, anyOf, oneOf, ...rest } = resolved(schema, schemas);
  const known = example ?? preset ?? values?.[0] ?? rest.const;
  if (known !== undefined) return known;
  const [first] = anyOf ?? oneOf ?? [];
  if (first !== undefined) return exampleOf(first, schemas);
  if (rest.properties !== undefined) return exampleObject(rest, schemas);
  if (rest.type === "array") return rest.items === undefined ? [] : [exampleOf(rest.items, schemas)];
  if (rest.type === "integer" || rest.type === "number") return 1;
  if (rest.type === "boolean") return true;
  return rest.type === "object" ? {} : exampleText(rest.format);
}

const exampleText = (format: string | undefined): string => (format === "uri" ? "https://example.org/hook" : "…");

function exampleObject({ properties = {}, required = [] }: Schema, schemas: Schemas): unknown {
  const shown = Object.entries(properties).filter(([name]) => required.includes(name));
  return Object.fromEntries(shown.map(([name, field]) => [name, exampleOf(field, schemas)]));
}
