import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { buildHandler } from "../../scripts/synth/build-handler.ts";

const root = mkdtempSync(join(tmpdir(), "handlers-"));
after(() => rmSync(root, { recursive: true, force: true }));
const place = { root, folder: join(root, "out"), stubMissing: false };
const written = (name: string, source: string) => writeFileSync(join(root, `${name}.ts`), source);

test("a handler is bundled with what it imports, and what it leaves outside is told", async () => {
  written("helper", "export const greeting: string = 'hello';");
  written(
    "greet",
    `import { greeting } from "./helper.ts"; import sharp from "sharp"; import { readFileSync } from "node:fs";
     export const handler = () => [greeting, sharp, readFileSync];`,
  );
  const { output, built } = await buildHandler(
    { functionID: "Greet", handler: "greet.handler", links: { Key: {} } },
    place,
  );
  assert.deepEqual([output.handler, output.errors], ["bundle.handler", []]);
  const { bytes, gzipBytes, ...rest } = built!;
  assert.ok(gzipBytes < bytes);
  assert.deepEqual(rest, { external: ["sharp"], installed: [], links: ["Key"], stub: false });
});

test("packages that are installed beside it are not bundled", async () => {
  written("slow", `import { imported } from "@some/native/part"; export const handler = imported;`);
  const properties = { install: { "@some/native": "*" }, minify: true };
  const { built } = await buildHandler({ functionID: "Slow", handler: "slow.handler", properties }, place);
  assert.deepEqual([built!.external, built!.installed], [["@some/native"], ["@some/native"]]);
});

for (const [fault, source, told] of [
  ["is missing", undefined, "F: handler not found: f.handler"],
  ["exports something else", "export const other = 1;", 'F: f exports no "handler"'],
  [
    "imports what is not there",
    `import "./nowhere.ts"; export const handler = 1;`,
    'F: Could not resolve "./nowhere.ts"',
  ],
  ["does not parse", "export const handler = ;", 'F: Unexpected ";"'],
] as const) {
  test(`a handler that ${fault} is an error of its function`, async () => {
    rmSync(join(root, "f.ts"), { force: true });
    if (source !== undefined) written("f", source);
    const { output, built } = await buildHandler({ functionID: "F", handler: "f.handler" }, place);
    assert.deepEqual([output.errors, built], [[told], undefined]);
  });
}

test("only who asks for it gets an empty function in the place of a missing one", async () => {
  const { output, built } = await buildHandler(
    { functionID: "Later", handler: "later.handler" },
    { ...place, stubMissing: true },
  );
  assert.deepEqual([output.errors, built?.stub], [[], true]);
});
