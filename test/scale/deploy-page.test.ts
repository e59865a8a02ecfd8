import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { SECRET_NAMES } from "../../functions/runtime/aws-config.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");
const page = read("docs/deploy.md");

test("the deploy page sets every secret that the workers read", () => {
  for (const name of SECRET_NAMES) assert.match(page, new RegExp(`npx sst secret set ${name} `));
});

test("the deploy page names every setting of a deployment", () => {
  const settings = [...read("stacks/settings.ts").matchAll(/^ {2}(RLAIFV_\w+):/gm)].map(([, name]) => name!);
  assert.ok(settings.length >= 5);
  for (const name of settings) assert.ok(page.includes(name), name);
});

test("files, examples and pages that deploy and scale point to are there", () => {
  for (const [name, text] of [
    ["deploy", page],
    ["scale", read("docs/scale.md")],
  ] as const) {
    const links = [...text.matchAll(/\]\(([\w./-]+)(?:#[\w-]+)?\)/g)].map(([, path]) => `docs/${path}`);
    const named = [...text.matchAll(/`?((?:examples|stacks|shared|bench)\/[\w./-]+\.(?:ts|json|py))/g)];
    for (const path of [...links, ...named.map(([, path]) => path!)])
      assert.ok(existsSync(new URL(path, ROOT)), `docs/${name}.md points to ${path}`);
  }
});

test("the tables of the scale page are between marks that the program fills", () => {
  const text = read("docs/scale.md");
  const open = [...text.matchAll(/^<!-- (?!end of)(\w+) -->$/gm)].map(([, name]) => name!);
  assert.equal(open.length, 9);
  for (const name of open) {
    const inside = text.slice(text.indexOf(`<!-- ${name} -->`), text.indexOf(`<!-- end of ${name} -->`));
    assert.ok(inside.trim().split("\n").length > 1, `${name} is empty`);
  }
});
