import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { tempFolder } from "../support/temp-folder.ts";

type Ended = { code: number; stdout: string; stderr: string };

function agreement(...parameters: string[]): Promise<Ended> {
  const main = new URL("../../functions/cli/main.ts", import.meta.url).pathname;
  return new Promise((resolve) => {
    execFile(process.execPath, [main, "eval", "agreement", ...parameters], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

/** 12 pictures with a false claim that is rejected, a true one that is accepted, and every third a mistake. */
const LABELS = Array.from({ length: 12 }, (_, at) => [
  { image: `${at}.jpg`, truth: false, p_yes: 0.05 + at / 100, p_no: 0.8 },
  { image: `${at}.jpg`, truth: "yes", p_yes: 0.9 - at / 100, p_no: 0.05 },
  ...(at % 3 === 0 ? [{ image: `${at}.jpg`, truth: 0, verdict: "accepted" }] : []),
]).flat();

test("Labels give a table with intervals, a calibration curve, and as JSON the same figures for the same seed", async () => {
  await using folder = await tempFolder("agreement");
  const path = join(folder.path, "labels.jsonl");
  const lines = [...LABELS.map((label) => JSON.stringify(label)), '{"truth": "perhaps"}'];
  await writeFile(path, lines.join("\n"));
  const text = await agreement("--labels", path, "--confidence", "0.9");
  assert.equal(text.code, 0, text.stderr);
  assert.match(text.stdout, /90 % interval/);
  assert.match(text.stdout, /accuracy +85\.7\s% +\[[\d.]+\s%, [\d.]+\s%\] +28/); // 24 of 28
  assert.match(text.stdout, /claim is false +12 +4/);
  assert.match(text.stdout, /calibration: bar = share that is true/);
  assert.match(text.stderr, /line 29: truth = perhaps: .*write whether the claim holds/);
  const runs = await Promise.all([
    agreement("--labels", path, "--json", "--seed", "4"),
    agreement("--labels", path, "--json", "--seed", "4"),
    agreement("--labels", path, "--json", "--seed", "5"),
  ]);
  const [first, again, other] = runs.map(({ stdout }) => JSON.parse(stdout));
  assert.deepEqual(first, again);
  assert.notDeepEqual(first.figures.brier.ci, other.figures.brier.ci);
  assert.equal(first.figures.kappa.value, other.figures.kappa.value);
  assert.equal(first.problems.length, 1);
});

test("No file, no usable line and a confidence that is none are told with the way out", async () => {
  await using folder = await tempFolder("agreement");
  const path = join(folder.path, "labels.jsonl");
  await writeFile(path, '{"truth": "perhaps"}\n');
  const [unusable, absent, confident] = await Promise.all([
    agreement("--labels", path),
    agreement("--labels", join(folder.path, "none.jsonl")),
    agreement("--labels", path, "--confidence", "95"),
  ]);
  assert.deepEqual([unusable.code, /a good one: \{"image"/.test(unusable.stderr)], [4, true], unusable.stderr);
  assert.deepEqual([absent.code, /cannot read --labels/.test(absent.stderr)], [2, true], absent.stderr);
  assert.deepEqual([confident.code, /give e\.g\. 0\.95/.test(confident.stderr)], [2, true], confident.stderr);
});
