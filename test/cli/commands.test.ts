import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readConfigFile } from "../../functions/cli/config-file.ts";
import { configTemplate } from "../../functions/cli/config-template.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MAIN = new URL("../../functions/cli/main.ts", import.meta.url).pathname;

/** Words without colours, whatever the terminal of whoever runs the tests asks for (NO_COLOR wins over FORCE_COLOR). */
function rlaifv(...parameters: string[]) {
  const env = { ...process.env, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...parameters], { encoding: "utf8", env });
  return { status, stdout, stderr };
}

test("the config that init writes is a valid config with the values it explains", async () => {
  await using folder = await tempFolder("init");
  const path = join(folder.path, "c.json");
  await writeFile(path, configTemplate({ path: "photos", question: "What is this?" }));
  const config = await readConfigFile(path);
  assert.deepEqual(config.data, { path: join(folder.path, "photos"), question: "What is this?" });
  assert.deepEqual([config.generate.candidates, config.pair.perSample, config.budgetUsd], [10, 2, 10]);
});

test("init does not write over a file unless told to", async () => {
  await using folder = await tempFolder("init-twice");
  const out = join(folder.path, "c.json");
  assert.equal(rlaifv("init", "--out", out).status, 0);
  const second = rlaifv("init", "--out", out);
  assert.equal(second.status, 2);
  assert.match(second.stderr, /is there already\n {2}what to do: give another name with --out, or --force/);
});

test("a config's problems are told all at once, with exit code 2", async () => {
  await using folder = await tempFolder("config");
  const path = join(folder.path, "c.json");
  const config = JSON.parse(
    (await readFile(new URL("../../examples/openai.json", import.meta.url), "utf8")).replaceAll(/^\s*\/\/.*$/gm, ""),
  );
  await writeFile(path, JSON.stringify({ ...config, rounds: 0, labelers: [], colour: "red" }));
  const { status, stderr } = rlaifv("run", path);
  assert.equal(status, 2);
  for (const field of ["rounds", "labelers", "colour"]) assert.match(stderr, new RegExp(field));
});

test("broken JSON is told with its line", async () => {
  await using folder = await tempFolder("json");
  const path = join(folder.path, "c.json");
  await writeFile(path, '{\n  "name": "x"\n  "seed": 1\n}');
  await assert.rejects(readConfigFile(path), /c\.json:3: CommaExpected/);
});

test("unknown commands and options are wrong use; help is not", () => {
  assert.equal(rlaifv("bogus").status, 2);
  assert.equal(rlaifv("demo", "--bogus").status, 2);
  assert.equal(rlaifv("demo", "--rounds", "none").status, 2);
  const help = rlaifv("--help");
  assert.equal(help.status, 0);
  assert.match(help.stdout, /Exit codes: 0 done/);
});

test("with --json an error is one JSON value with message, fix and exit code", () => {
  const { status, stdout } = rlaifv("status", "no-such-run", "--data", "/tmp/rlaifv-no-such-folder", "--json");
  assert.equal(status, 2);
  const { error } = JSON.parse(stdout);
  assert.deepEqual(Object.keys(error), ["message", "fix", "exitCode"]);
});

test("models prints every preset with its licence as JSON", () => {
  const { status, stdout } = rlaifv("models", "--json");
  assert.equal(status, 0);
  const presets = Object.values(JSON.parse(stdout)) as { licence: string }[];
  assert.ok(presets.length >= 9);
  for (const { licence } of presets) assert.ok(licence.length > 0);
});
