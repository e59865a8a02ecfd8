import assert from "node:assert/strict";
import { cp, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { openLocal } from "../../functions/runtime/local.ts";
import { planRun } from "../../functions/runtime/plan-run.ts";
import { RunConfig } from "../../shared/schemas/config.ts";
import { writeSmallRun } from "../support/small-run.ts";
import { tempFolder } from "../support/temp-folder.ts";

test("a picture may not both choose the checkpoint and report it, whatever its name; one that is trained on is told", async () => {
  await using folder = await tempFolder("splits");
  const path = await writeSmallRun(folder.path, { images: 6, rounds: 1, evaluation: 4 });
  const config = RunConfig.parse(JSON.parse(await readFile(path, "utf8")));
  const report = join(dirname(path), "report", "manifest.jsonl");
  const tuning = join(dirname(path), "tuning", "manifest.jsonl");
  const local = await openLocal({ dataDir: join(folder.path, "data"), env: {} });
  const planned = (data: { path: string }, evaluate: object) =>
    planRun(RunConfig.parse({ ...config, data, evaluate: { ...config.evaluate, ...evaluate } }), local, {
      strict: true,
    });
  const own = config.data as { path: string };

  assert.doesNotMatch((await planned(own, {})).plan.warnings.join("\n"), /shares/);

  const [first] = (await readFile(report, "utf8")).split("\n");
  const row = JSON.parse(first!) as { image: string };
  await cp(join(dirname(report), row.image), join(dirname(tuning), "renamed.png"));
  const mixed = join(dirname(tuning), "mixed.jsonl");
  await writeFile(mixed, `${await readFile(tuning, "utf8")}${JSON.stringify({ ...row, image: "renamed.png" })}\n`);
  await assert.rejects(planned(own, { selection: { path: mixed } }), {
    name: "EvaluationError",
    message:
      "evaluate.selection shares 1 picture with evaluate.data (the first: renamed.png): what chooses a checkpoint must not report it",
    fix: /take them out of one of the two/,
  });

  const { plan } = await planned({ path: mixed }, {});
  const told = plan.warnings.filter((warning) => warning.includes("shares"));
  assert.match(told[0]!, /^the selection split shares 4 pictures with the training data/);
  assert.match(told[1]!, /^the evaluation split shares 1 picture with the training data/);
  assert.equal(told.length, 2);
  await local.close();
});
