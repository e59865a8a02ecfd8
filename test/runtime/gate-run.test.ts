import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { carryOut } from "../../functions/runtime/carry-out.ts";
import { createRun } from "../../functions/runtime/create-run.ts";
import { openLocal } from "../../functions/runtime/local.ts";
import { planRun } from "../../functions/runtime/plan-run.ts";
import { reportKey } from "../../shared/keys.ts";
import { RunConfig } from "../../shared/schemas/config.ts";
import { writeSmallRun } from "../support/small-run.ts";
import { tempFolder } from "../support/temp-folder.ts";

test("a run whose round fails its gate finishes early: report, dataset and page say why", async () => {
  await using folder = await tempFolder("gate");
  const path = await writeSmallRun(folder.path, { images: 12, rounds: 2, evaluation: 8 });
  const written = RunConfig.parse(JSON.parse(await readFile(path, "utf8")));
  const evaluate = { ...written.evaluate!, gate: "recall > 1", stopAtGate: true };
  const local = await openLocal({ dataDir: join(folder.path, "data"), env: {} });
  try {
    const planned = await planRun({ ...written, evaluate }, local, { strict: true });
    await createRun(planned, local);
    const { runId } = planned.plan;
    const { run, report } = await carryOut(runId, local, { emit: () => {}, signal: new AbortController().signal });
    assert.equal(run.state, "finished");
    assert.match(run.reason!, /^the gate failed \(recall > 1: .*\); 1 round was left out/);
    assert.deepEqual(
      report!.rounds.map(({ round, gate, metrics }) => [round, gate?.decision, metrics === null]),
      [[1, "stop", false]],
    );
    assert.equal(report!.controls.sft_only, null);
    const page = new TextDecoder().decode(await local.blobs.read(reportKey(runId, "html")));
    assert.match(page, /This run ended early.*Round 1: the gate failed \(recall &gt; 1/s);
  } finally {
    await local.close();
  }
});
