import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { tempFolder } from "../support/temp-folder.ts";

type Ended = { code: number; stdout: string; stderr: string };

function rlaifv(...parameters: string[]): Promise<Ended> {
  const main = new URL("../../functions/cli/main.ts", import.meta.url).pathname;
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...parameters], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

test("A model is evaluated, and its stored answers score to the same bytes again", async () => {
  await using folder = await tempFolder("eval");
  const common = ["eval", "scenes", "--count", "4", "--data", join(folder.path, "data")];
  const [first, again] = [join(folder.path, "a"), join(folder.path, "b")];
  const asked = await rlaifv(...common, "--model", "embedded", "--out", first);
  assert.equal(asked.code, 0, asked.stderr);
  const stored = ["--answers", join(first, "answers.jsonl"), "--replies", join(first, "judge.jsonl")];
  const scored = await rlaifv(...common, ...stored, "--out", again);
  assert.equal(scored.code, 0, scored.stderr);
  for (const file of ["result.json", "items.jsonl", "answers.jsonl", "judge.jsonl", "report.md", "report.html"]) {
    assert.deepEqual(await readFile(join(again, file)), await readFile(join(first, file)), file);
  }
  const failing = await rlaifv(...common, ...stored, "--out", again, "--gate", "words > 1000");
  assert.equal(failing.code, 6, failing.stderr);
  assert.match(failing.stdout, /gate fails: words > 1000/);
});

test("A misspelt gate, an unknown bench and answers from nowhere are told with the way out", async () => {
  await using folder = await tempFolder("eval");
  const common = ["--count", "2", "--data", folder.path];
  const gate = await rlaifv("eval", "scenes", ...common, "--model", "embedded", "--gate", "recal > 1");
  assert.deepEqual([gate.code, /there are: response_hallucination/.test(gate.stderr)], [2, true]);
  const bench = await rlaifv("eval", "nothing", ...common);
  assert.deepEqual([bench.code, /choose one of: scenes/.test(bench.stderr)], [2, true]);
  const nowhere = await rlaifv("eval", "scenes", ...common);
  assert.deepEqual([nowhere.code, /--answers FILE or --model/.test(nowhere.stderr)], [2, true]);
});
