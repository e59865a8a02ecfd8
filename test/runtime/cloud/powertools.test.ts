import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const SCRIPT = `
import { powertoolsTelemetry } from "${new URL("../../../functions/adapters/powertools/telemetry.ts", import.meta.url)}";
const telemetry = powertoolsTelemetry("dispatch");
telemetry.info("began", { runId: "run-a", shardId: "s0", attempt: 2, call: undefined });
telemetry.error("failed", new Error("no room"), { runId: "run-a" });
telemetry.measure({ name: "SamplesDone", unit: "Count", value: 3, dimensions: { stage: "score" } });
telemetry.flush();
`;

test("lines are JSON with run, shard and attempt, and figures are CloudWatch's embedded metrics", () => {
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", SCRIPT], { encoding: "utf8" });
  const lines = `${stdout}${stderr}`
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
  const [began] = lines.filter(({ message }) => message === "began");
  assert.deepEqual([began.service, began.runId, began.shardId, began.attempt], ["dispatch", "run-a", "s0", 2]);
  const [failed] = lines.filter(({ message }) => message === "failed");
  assert.equal(failed.error.message, "no room");
  const [figure] = lines.filter((line) => "_aws" in line);
  assert.deepEqual([figure.SamplesDone, figure.stage], [3, "score"]);
  const [{ Namespace, Metrics }] = figure._aws.CloudWatchMetrics;
  assert.deepEqual([Namespace, Metrics], ["rlaifv", [{ Name: "SamplesDone", Unit: "Count" }]]);
});
