/** The adapter in front of somebody else's Step Functions. moto runs no definition; it keeps names, inputs and statuses. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CreateStateMachineCommand, type SFNClient } from "@aws-sdk/client-sfn";
import { openStepFunctionsClient } from "../../../functions/adapters/step-functions/client.ts";
import { stepFunctionsOrchestrator } from "../../../functions/adapters/step-functions/orchestrator.ts";
import { loopDefinition } from "../../../shared/loop.ts";
import { lambdaRefs } from "../../support/lambda-refs.ts";
import { CREDENTIALS, type Emulator, noMoto, startMoto } from "../../support/s3-emulators.ts";

describe("Step Functions as moto speaks it", { skip: noMoto }, () => {
  let moto: Emulator;
  let client: SFNClient;
  let machineArn: string;
  before(async () => {
    moto = await startMoto();
    client = openStepFunctionsClient({ region: "us-east-1", endpoint: moto.endpoint, credentials: CREDENTIALS });
    const roleArn = "arn:aws:iam::123456789012:role/loop";
    const definition = JSON.stringify(loopDefinition(lambdaRefs()));
    const made = await client.send(new CreateStateMachineCommand({ name: "loop", roleArn, definition }));
    machineArn = made.stateMachineArn!;
  });
  after(async () => {
    client.destroy();
    await moto.stop();
  });

  test("a name starts once, and is taken for another input and after its end", async () => {
    const orchestrator = stepFunctionsOrchestrator({ client, machineArn });
    const first = await orchestrator.start({ name: "run", input: { runId: "r", n: 1 } });
    assert.equal(first.outcome, "started");
    assert.deepEqual(await orchestrator.start({ name: "run", input: { n: 1, runId: "r" } }), first);
    const taken = { outcome: "name_taken", executionId: first.executionId };
    assert.deepEqual(await orchestrator.start({ name: "run", input: { runId: "other" } }), taken);
    await orchestrator.stop(first.executionId, "enough");
    assert.deepEqual(await orchestrator.start({ name: "run", input: { runId: "r", n: 1 } }), taken);
  });

  test("an execution is described, stopped, and then told to have ended", async () => {
    const orchestrator = stepFunctionsOrchestrator({ client, machineArn });
    const { executionId } = await orchestrator.start({ name: "stopped", input: { runId: "r" } });
    const running = (await orchestrator.describe(executionId))!;
    assert.deepEqual([running.id, running.name, running.status], [executionId, "stopped", "RUNNING"]);
    assert.deepEqual(running.input, { runId: "r" });
    await orchestrator.stop(executionId, "enough");
    const { status, currentStates, startedAt, stoppedAt } = (await orchestrator.describe(executionId))!;
    assert.deepEqual([status, currentStates, startedAt <= stoppedAt!], ["ABORTED", [], true]);
    assert.deepEqual(await orchestrator.stop(executionId, "again"), { outcome: "already_ended" });
  });

  test("an unknown execution is no error", async () => {
    const orchestrator = stepFunctionsOrchestrator({ client, machineArn });
    const unknown = `${machineArn.replace("stateMachine", "execution")}:unknown`;
    assert.equal(await orchestrator.describe(unknown), undefined);
    assert.deepEqual(await orchestrator.stop(unknown, "why not"), { outcome: "unknown_execution" });
    assert.deepEqual(await orchestrator.history(unknown, { after: 0, limit: 10 }), []);
  });

  // docs/emulators.md; a flaw that is mended fails here, so that its promise can be tested
  test("it differs from Step Functions: no cause of a stop, any token, a history of its own, no redrive", async () => {
    const orchestrator = stepFunctionsOrchestrator({ client, machineArn });
    const { executionId } = await orchestrator.start({ name: "flaws", input: {} });
    assert.deepEqual((await orchestrator.describe(executionId))!.currentStates, ["A State"]);
    await orchestrator.stop(executionId, "enough");
    assert.deepEqual((await orchestrator.describe(executionId))!.error, { error: "", cause: "" });
    assert.deepEqual(await orchestrator.complete("unknown", { kind: "heartbeat" }), { outcome: "accepted" });
    const events = await orchestrator.history(executionId, { after: 0, limit: 10 });
    assert.deepEqual([events[1]?.state, events.at(-1)?.type], ["A State", "ExecutionSucceeded"]);
    await assert.rejects(orchestrator.redrive(executionId));
  });
});
