import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { placeholders } from "../../functions/api/pages/curl.ts";
import { type ApiDocument, anchorOf } from "../../functions/api/pages/reference.ts";
import { PROBLEM_CODES } from "../../functions/api/problem-codes.ts";
import { openTestApi } from "../support/api.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

async function documentOf(): Promise<{
  document: ApiDocument & Record<string, unknown>;
  routes: { method: string; path: string }[];
}> {
  await using api = await openTestApi();
  const document = (await (await api.request("/openapi.json", { key: null })).json()) as ApiDocument &
    Record<string, unknown>;
  const ALL = "ALL";
  const routes = api.app.routes
    .filter(({ method, path }) => method !== ALL && path.startsWith("/v1/") && !path.startsWith("/v1/models/"))
    .map(({ method, path }) => ({ method: method.toLowerCase(), path: path.replaceAll(/:([A-Za-z]+)/g, "{$1}") }));
  return { document, routes };
}

test("the OpenAPI document has every route, a summary and a tag for each, and what bodies are needed", async () => {
  const { document, routes } = await documentOf();
  assert.equal(document["openapi"], "3.1.0");
  const missing = routes.filter(({ method, path }) => document.paths[path]?.[method]?.summary === undefined);
  assert.deepEqual(missing, []);
  const tags = new Set(document.tags.map(({ name }) => name));
  for (const operations of Object.values(document.paths)) {
    for (const { tags: own = [], requestBody } of Object.values(operations)) {
      assert.ok(own.length === 1 && tags.has(own[0]!), own.join());
      assert.notEqual(requestBody?.required, false);
    }
  }
  assert.deepEqual((document["components"] as unknown as { securitySchemes: unknown }).securitySchemes, {
    bearer: { type: "http", scheme: "bearer" },
  });
});

test("every reference inside the document leads somewhere", async () => {
  const { document } = await documentOf();
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
    ([, name]) => name!,
  );
  assert.deepEqual(
    [...new Set(references)].filter((name) => !Object.hasOwn(document.components.schemas, name)),
    [],
  );
});

test("the reference page shows every route with an anchor and a curl call, and asks for nothing from elsewhere", async () => {
  await using api = await openTestApi();
  const { document } = await documentOf();
  const page = await (await api.request("/reference", { key: null })).text();
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const anchor = anchorOf({ method, path, operation });
      assert.ok(page.includes(`<article id="${anchor}">`) && page.includes(`href="#${anchor}"`), anchor);
      assert.ok(page.includes(`$RLAIFV${placeholders(path)}`), path);
    }
  }
  assert.doesNotMatch(page, /<script|<link|src=|url\(|@import/);
});

test("the problems page explains every code, under the address that problems name", async () => {
  await using api = await openTestApi();
  const page = await (await api.request("/docs/problems", { key: null })).text();
  for (const code of Object.keys(PROBLEM_CODES)) assert.ok(page.includes(`<tr id="${code}">`), code);
  assert.doesNotMatch(page, /<script|<link|src=/);
});

test("no problem code is made anywhere that the table does not explain", () => {
  const made = ["functions/api", "functions/runtime"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .flatMap((name) => [...readFileSync(join(ROOT, folder, name), "utf8").matchAll(/\bcode: "([a-z_]+\.[a-z_.]+)"/g)])
      .map(([, code]) => code!),
  );
  assert.ok(made.length > 20);
  assert.deepEqual(
    [...new Set(made)].filter((code) => !Object.hasOwn(PROBLEM_CODES, code)),
    [],
  );
});
