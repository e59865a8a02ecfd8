import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { memoryStateStore } from "../../functions/adapters/memory/state-store.ts";
import { readJson, writeJson } from "../../functions/workers/files.ts";
import { gate } from "../../functions/workers/gate.ts";
import { runAccount } from "../../shared/budget/accounts.ts";
import { measureWithGreedy } from "../../shared/evaluation/measure.ts";
import { configKey, gateKey, metricsKey, sftControlKey } from "../../shared/keys.ts";
import { RunConfig } from "../../shared/schemas/config.ts";
import type { RunEvent } from "../../shared/schemas/events.ts";
import { RoundGate } from "../../shared/schemas/report.ts";
import { OPTIONS, sample, toyBench } from "../evaluation/fixtures.ts";
import { testConfig } from "../support/scored-run.ts";

const EVALUATE = { bench: "scenes" as const, data: { path: "report.jsonl" }, selection: { path: "selection.jsonl" } };
const TRAIN = { trainer: "embedded" as const };

/** A run of three rounds whose round 1 names one of two objects, and a cat that is not there. */
async function world(evaluate: Partial<NonNullable<RunConfig["evaluate"]>>, budget = 100) {
  const [store, blobs, events] = [memoryStateStore(), memoryBlobStore(), [] as RunEvent[]];
  const config = testConfig({ rounds: 3, train: TRAIN, evaluate: { ...EVALUATE, ...evaluate } });
  await store.ledger.open(runAccount("r"), budget);
  await writeJson(blobs, configKey("r"), config);
  const sampled = [sample("a", ["dog", "sun"], [{ says: ["dog", "cat"] }])];
  const metrics = measureWithGreedy(toyBench, { sampled, greedy: undefined }, OPTIONS);
  await writeJson(blobs, metricsKey("r", "1.evaluate"), metrics);
  await writeJson(blobs, metricsKey("r", "3.evaluate"), metrics);
  const emit = (event: RunEvent) => void events.push(event);
  return { store, blobs, events, ask: (round: number) => gate({ runId: "r", round }, { store, blobs, emit }) };
}

/** Spends all of the budget. */
async function spend({ store }: Awaited<ReturnType<typeof world>>): Promise<void> {
  const amounts = [{ account: runAccount("r"), amount: 100 }];
  await store.ledger.reserve({ id: "all", amounts, leaseUntil: Number.MAX_SAFE_INTEGER, atRisk: amounts });
  await store.ledger.settle("all", amounts);
}

const FAILING = "recall >= 0.9 and response_hallucination.ci.high < 50%";

test("a run without a gate goes on, and nothing is written or told", async () => {
  const run = await world({});
  assert.deepEqual([await run.ask(0), await run.ask(1), await run.ask(3)], Array(3).fill({ outcome: "go_on" }));
  assert.equal(await run.blobs.read(gateKey("r", 1)), undefined);
  assert.deepEqual(run.events, []);
});

test("a failed gate is told with every comparison, and the run goes on unless it is to stop", async () => {
  const run = await world({ gate: FAILING });
  assert.deepEqual(await run.ask(1), { outcome: "go_on" });
  const reason =
    "the gate failed (recall >= 0.9: 0.5, does not hold; response_hallucination.ci.high < 0.5: 1, does not hold)";
  assert.deepEqual(await readJson(run.blobs, gateKey("r", 1), RoundGate), {
    expression: FAILING,
    outcome: "failed",
    checks: [
      { text: "recall >= 0.9", value: 0.5, holds: false },
      { text: "response_hallucination.ci.high < 0.5", value: 1, holds: false },
    ],
    decision: "go_on",
    reason,
  });
  assert.deepEqual(run.events, [{ kind: "gate", round: 1, outcome: "failed", decision: "go_on", reason }]);
});

test("with stopAtGate a failed gate ends the run, however often it is asked, and told once", async () => {
  const run = await world({ gate: "recall >= 0.9", stopAtGate: true });
  await spend(run);
  const reason =
    "the gate failed (recall >= 0.9: 0.5, does not hold); 2 rounds were left out, for evaluate.stopAtGate is set";
  assert.deepEqual([await run.ask(1), await run.ask(1)], Array(2).fill({ outcome: "stop", reason }));
  assert.equal(run.events.length, 1);
});

test("after the last round there is nothing to stop, and a round without figures fails nothing", async () => {
  const run = await world({ gate: "recall >= 0.9", stopAtGate: true });
  assert.deepEqual(await run.ask(3), { outcome: "go_on" });
  assert.equal((await readJson(run.blobs, gateKey("r", 3), RoundGate))?.outcome, "failed");
  assert.deepEqual(await run.ask(2), { outcome: "go_on" });
  assert.equal((await readJson(run.blobs, gateKey("r", 2), RoundGate))?.outcome, "not_measured");
});

test("a passed gate says what it saw", async () => {
  const run = await world({ gate: "recall >= 0.5 and images == 1", stopAtGate: true });
  assert.deepEqual(await run.ask(1), { outcome: "go_on" });
  assert.match((await readJson(run.blobs, gateKey("r", 1), RoundGate))!.reason, /^the gate passed \(recall >= 0\.5: 0/);
});

test("a spent budget pauses the run before a round that is left, and lets a run end that has none", async () => {
  const run = await world({});
  await spend(run);
  await assert.rejects(run.ask(1), { name: "Run.Paused", message: "the budget of 0.0001 USD is spent" });
  assert.deepEqual(await run.ask(3), { outcome: "go_on" });
});

test("the control that is left is work too", async () => {
  const run = await world({ sftControl: true });
  await spend(run);
  await assert.rejects(run.ask(3), { name: "Run.Paused" });
  await writeJson(run.blobs, sftControlKey("r"), {});
  assert.deepEqual(await run.ask(3), { outcome: "go_on" });
});

test("a gate that names no figure is refused with the config, and so is a stop without a gate", () => {
  const read = (evaluate: object) => {
    const { error } = RunConfig.safeParse({ ...testConfig({ train: TRAIN }), evaluate: { ...EVALUATE, ...evaluate } });
    return error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  };
  assert.match(
    read({ gate: "recal > 1" })![0]!,
    /^evaluate\.gate: the gate names "recal", which is no figure here; there/,
  );
  assert.deepEqual(read({ stopAtGate: true }), ['evaluate.stopAtGate: stopAtGate needs a gate, e.g. "recall >= 0.9"']);
  assert.equal(read({ gate: "words.ci.low > 20", stopAtGate: true }), undefined);
});
