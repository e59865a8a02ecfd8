import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { picture, temporaryFolder, writeFiles } from "../intake/support.ts";
import { writeSmallRun } from "../support/small-run.ts";

const MAIN = new URL("../../functions/cli/main.ts", import.meta.url).pathname;

function rlaifv(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

const json = async (path: string) => JSON.parse(await readFile(path, "utf8"));

/** AMBER's layout about two pictures that the embedded model can be shown. */
async function amber(folder: string): Promise<string[]> {
  await writeFiles(folder, {
    "query/query_all.json": JSON.stringify([1, 2].map((id) => ({ id, image: `${id}.png`, query: "Describe it." }))),
    "annotations.json": JSON.stringify(
      [1, 2].map((id) => ({ id, type: "generative", truth: ["circle", "square"], hallu: ["star"] })),
    ),
    "relation.json": JSON.stringify({ circle: [], square: [], star: [] }),
    "safe_words.txt": "line\n",
    "images/1.png": await picture("png", 1, 64),
    "images/2.png": await picture("png", 2, 64),
  });
  return ["--items", join(folder, "query", "query_all.json"), "--images", join(folder, "images")];
}

test("what a round promoted is measured from its stored answers, beside the base, and by asking its checkpoint", async (t) => {
  const folder = await temporaryFolder(t);
  const data = join(folder, "data");
  const config = await writeSmallRun(folder, { images: 12, rounds: 1, evaluation: 6 });
  const made = await rlaifv("run", config, "--data", data, "--json");
  assert.equal(made.code, 0, made.stderr);
  const [runId] = (await readdir(join(data, "runs"))) as [string];
  const asking = ["eval", "--run", runId, "--data", data];

  const own = await rlaifv(...asking, "--bench", "scenes", "--round", "1", "--gate", "scenes: words > 1000", "--json");
  assert.equal(own.code, 6, own.stderr);
  const [scenes] = JSON.parse(own.stdout).benches;
  assert.deepEqual(
    [scenes.bench, scenes.result.items, scenes.spentUsd, scenes.gate.outcome],
    ["scenes", 6, 0, "failed"],
  );
  assert.match(scenes.result.answers.source, new RegExp(`stored answers of run ${runId}, round 1, greedy`));
  const folders = [0, 1].map((round) => join(data, "runs", runId, "evaluations", String(round), "scenes"));
  const [base, round] = await Promise.all(folders.map((path) => json(join(path, "result.json"))));
  assert.equal(scenes.comparison.items, 6);
  assert.deepEqual(await json(join(folders[1]!, "comparison.json")), scenes.comparison);
  assert.deepEqual(
    [scenes.comparison.figures.recall.a, scenes.comparison.figures.recall.b],
    [base.figures.recall.value, round.figures.recall.value],
  );
  const metrics = await json(join(data, "runs", runId, "passes", "1.evaluate", "metrics.json"));
  assert.equal(round.figures.recall.value, metrics.greedy.recall.value);

  const asked = await rlaifv(...asking, "amber", ...(await amber(join(folder, "amber"))), "--no-base", "--json");
  assert.equal(asked.code, 0, asked.stderr);
  const { benches, round: last } = JSON.parse(asked.stdout);
  assert.deepEqual([last, benches[0].result.items, benches[0].comparison], [1, 2, undefined]);

  const refusals = [
    [["--bench", "scenes", "--round", "2"], /round 2 of run .* has not chosen a checkpoint; the last that has is 1/],
    [["--bench", "scenes", "--answers", "x"], /--run and --answers exclude each other/],
    [["--bench", "scenes", "--gate", "amber: hal < 1"], /--gate names amber, which is not evaluated/],
    [[], /no bench is named/],
  ] as const;
  for (const [options, told] of refusals) {
    const refused = await rlaifv(...asking, ...options);
    assert.deepEqual([refused.code, told.test(refused.stderr)], [2, true], refused.stderr);
  }
});
