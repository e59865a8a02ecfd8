/** The loop of shared/loop.ts, driven as in the cloud: started, watched, reported to, stopped and redriven through the SDK. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { AslFunction } from "../../../functions/adapters/asl/branch.ts";
import { systemClock } from "../../../functions/adapters/clock.ts";
import { loopDefinition } from "../../../shared/loop.ts";
import type { Execution, Json, Orchestrator } from "../../../shared/ports/orchestrator.ts";
import { DispatchInput, PassInput, PlanInput, TrainInput } from "../../../shared/schemas/loop.ts";
import { lambdaRefs } from "../../support/lambda-refs.ts";
import { memoryObjects, type Objects } from "../asl/bench.ts";
import { withStepFunctions } from "./bench.ts";

const refs = lambdaRefs();
const SHARDS = ["s0", "s1", "s2"];

/** Workers that report through `reportTo`, which is the deployed adapter. `hold` keeps a shard from reporting. */
function workers(objects: Objects, reportTo: () => Orchestrator, hold: (input: DispatchInput) => boolean) {
  const calls: string[] = [];
  const held: DispatchInput[] = [];
  const report = (token: string, output: Json) => reportTo().complete(token, { kind: "success", output });
  const byName: Record<string, AslFunction> = {
    prepare: async () => ({
      firstRound: 1,
      rounds: 1,
      basePasses: [],
      hasTrainer: true,
      hasEvaluation: true,
      hasControl: false,
      maxConcurrency: 2,
      toleratedFailurePercent: 0,
    }),
    plan: async (payload) => {
      const { passId, stage } = PlanInput.parse(payload);
      const manifestKey = `${passId}/${stage}.jsonl`;
      objects.set(
        `${refs.bucket}/${manifestKey}`,
        SHARDS.map((shardId) => `${JSON.stringify({ shardId })}\n`).join(""),
      );
      return { manifestKey, shards: SHARDS.length };
    },
    dispatch: async (payload) => {
      const input = DispatchInput.parse(payload);
      calls.push(`${input.passId} ${input.stage} ${input.shardId}`);
      if (hold(input)) held.push(input);
      else void report(input.token, { shardId: input.shardId });
    },
    train: async (payload) => {
      const { token, round } = TrainInput.parse(payload);
      void report(token, { trained: true, selectPasses: [`${round}.select-7`] });
    },
    pair: async () => ({ pairs: 3 }),
    select: async (payload) => void PassInput.parse(payload),
    evaluate: async (payload) => void PassInput.parse(payload),
    gate: async () => ({ outcome: "go_on" }),
  };
  const functions = Object.entries(refs.functions).map(([name, arn]) => [arn, byName[name]!] as const);
  return { calls, held, functions: Object.fromEntries(functions) };
}

async function until<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(5);
  }
}

test("the loop runs whole through the SDK; stopped and redriven, it runs only the shards that were left", async () => {
  const objects: Objects = new Map();
  let reportTo!: Orchestrator;
  let holding = true;
  const scores = ({ passId, stage, shardId }: DispatchInput) =>
    holding && passId === "1.train" && stage === "score" && shardId !== "s0";
  const { calls, held, functions } = workers(objects, () => reportTo, scores);
  const definition = loopDefinition(refs);
  const parts = { definition, functions, objects: memoryObjects(objects), clock: systemClock };
  await withStepFunctions({ ...parts, database: new DatabaseSync(":memory:") }, async ({ orchestrator }) => {
    reportTo = orchestrator;
    const { executionId } = await orchestrator.start({ name: "demo", input: { runId: "demo" } });
    await until(() => held[1]);
    assert.deepEqual((await orchestrator.describe(executionId))?.currentStates, ["Score"]);
    assert.deepEqual(await orchestrator.complete(held[0]!.token, { kind: "heartbeat" }), { outcome: "accepted" });
    assert.deepEqual(await orchestrator.stop(executionId, "too dear"), { outcome: "stopped" });
    const late = await orchestrator.complete(held[0]!.token, { kind: "success", output: {} });
    assert.deepEqual(late, { outcome: "not_waiting" });

    holding = false;
    const before = calls.length;
    assert.deepEqual(await orchestrator.redrive(executionId), { outcome: "redriven" });
    const ended = await until(async (): Promise<Execution | undefined> => {
      const execution = await orchestrator.describe(executionId);
      return execution?.status === "RUNNING" ? undefined : execution;
    });
    assert.deepEqual(
      [ended.status, ended.output],
      ["SUCCEEDED", { runId: "demo", status: "finished", round: 1 }],
      JSON.stringify(ended.error),
    );
    assert.deepEqual(calls.slice(before, before + 2).sort(), ["1.train score s1", "1.train score s2"]);
    assert.equal(calls.length, 4 * 3 * 4 + 2, "four passes of four stages, and the two that were cut off");
    const events = await orchestrator.history(executionId, { after: 0, limit: 1000 });
    assert.deepEqual(
      events.map(({ type }) => type).filter((type) => type.startsWith("Execution")),
      ["ExecutionStarted", "ExecutionAborted", "ExecutionRedriven", "ExecutionSucceeded"],
    );
  });
});
