/** What every Orchestrator promises; run over the interpreter always, over Step Functions where credentials are. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import type { Execution, Json, Orchestrator, Redrive } from "../../shared/ports/orchestrator.ts";

/**
 * The state machine the contract runs on. The function `hold` makes the token it is given findable by the execution's name,
 * both in its payload: `{ name, token }`.
 */
export function contractDefinition(hold: string): Json {
  return {
    QueryLanguage: "JSONata",
    StartAt: "Choose",
    States: {
      Choose: {
        Type: "Choice",
        Choices: [
          { Condition: "{% $states.input.do = 'hold' %}", Next: "Hold" },
          { Condition: "{% $states.input.do = 'fail' %}", Next: "Fail" },
        ],
        Default: "Echo",
      },
      Echo: { Type: "Succeed", Output: { echoed: "{% $states.input %}" } },
      Fail: { Type: "Fail", Error: "Contract.Failed", Cause: "as asked" },
      Hold: {
        Type: "Task",
        Resource: "arn:aws:states:::lambda:invoke.waitForTaskToken",
        Arguments: {
          FunctionName: hold,
          Payload: { name: "{% $states.context.Execution.Name %}", token: "{% $states.context.Task.Token %}" },
        },
        TimeoutSeconds: 600,
        End: true,
      },
    },
  };
}

export type OrchestratorUnderTest = {
  orchestrator: Orchestrator & Redrive;
  /** The token the function `hold` was given for this execution, when it was called the `nth` time (1 unless said). */
  tokenOf(executionName: string, nth?: number): Promise<string>;
  /** The execution once it has ended. */
  ended(executionId: string): Promise<Execution>;
  close(): Promise<void>;
};

export function orchestratorContract(kind: string, open: () => Promise<OrchestratorUnderTest>): void {
  const promise = (title: string, check: (tested: OrchestratorUnderTest, name: string) => Promise<void>) =>
    test(`${kind}: ${title}`, async () => {
      const tested = await open();
      try {
        await check(tested, `contract-${randomUUID()}`);
      } finally {
        await tested.close();
      }
    });

  promise("an execution succeeds with its output", async ({ orchestrator, ended }, name) => {
    const input = { do: "echo", text: "Übung ✓" };
    const { outcome, executionId } = await orchestrator.start({ name, input });
    const { status, output, currentStates, startedAt, stoppedAt, ...rest } = await ended(executionId);
    assert.deepEqual([outcome, status, output, currentStates], ["started", "SUCCEEDED", { echoed: input }, []]);
    assert.deepEqual(rest, { id: executionId, name, input });
    assert.ok(startedAt <= stoppedAt!);
  });

  promise("an execution fails with error and cause", async ({ orchestrator, ended }, name) => {
    const { executionId } = await orchestrator.start({ name, input: { do: "fail" } });
    const { status, error, output } = await ended(executionId);
    assert.deepEqual([status, error, output], ["FAILED", { error: "Contract.Failed", cause: "as asked" }, undefined]);
  });

  promise("a name starts once: again while it runs is the same execution", async ({ orchestrator, tokenOf }, name) => {
    const first = await orchestrator.start({ name, input: { do: "hold", n: 1 } });
    assert.deepEqual(await orchestrator.start({ name, input: { n: 1, do: "hold" } }), first);
    assert.equal((await orchestrator.start({ name, input: { do: "hold", n: 2 } })).outcome, "name_taken");
    await tokenOf(name);
    await orchestrator.stop(first.executionId, "done");
    assert.equal((await orchestrator.start({ name, input: { do: "hold", n: 1 } })).outcome, "name_taken");
  });

  promise("a running execution tells the state it is in", async ({ orchestrator, tokenOf }, name) => {
    const { executionId } = await orchestrator.start({ name, input: { do: "hold" } });
    await tokenOf(name);
    const { status, currentStates, stoppedAt } = (await orchestrator.describe(executionId))!;
    assert.deepEqual([status, currentStates, stoppedAt], ["RUNNING", ["Hold"], undefined]);
    await orchestrator.stop(executionId, "done");
  });

  promise("an unknown execution is no error", async ({ orchestrator }, name) => {
    const { executionId } = await orchestrator.start({ name, input: {} });
    const unknown = `${executionId}-unknown`;
    assert.equal(await orchestrator.describe(unknown), undefined);
    assert.deepEqual(await orchestrator.stop(unknown, "why not"), { outcome: "unknown_execution" });
    assert.deepEqual(await orchestrator.history(unknown, { after: 0, limit: 10 }), []);
  });

  promise("stopping ends the execution with the reason, once", async ({ orchestrator, tokenOf, ended }, name) => {
    const { executionId } = await orchestrator.start({ name, input: { do: "hold" } });
    const token = await tokenOf(name);
    assert.deepEqual(await orchestrator.stop(executionId, "too dear"), { outcome: "stopped" });
    const { status, error } = await ended(executionId);
    assert.deepEqual([status, error?.cause], ["ABORTED", "too dear"]);
    assert.deepEqual(await orchestrator.stop(executionId, "again"), { outcome: "already_ended" });
    assert.deepEqual(await orchestrator.complete(token, { kind: "success", output: 1 }), { outcome: "not_waiting" });
  });

  promise("the history counts from 1 without gaps and comes in pages", async ({ orchestrator, ended }, name) => {
    const { executionId } = await orchestrator.start({ name, input: {} });
    await ended(executionId);
    const all = await orchestrator.history(executionId, { after: 0, limit: 1000 });
    assert.deepEqual(
      all.map(({ id }) => id),
      all.map((_, at) => at + 1),
    );
    assert.deepEqual([all[0]?.type, all.at(-1)?.type], ["ExecutionStarted", "ExecutionSucceeded"]);
    assert.deepEqual(
      all.filter(({ type }) => type.endsWith("StateEntered")).map(({ state }) => state),
      ["Choose", "Echo"],
    );
    const pages = await Promise.all([0, 2, 4].map((after) => orchestrator.history(executionId, { after, limit: 2 })));
    assert.deepEqual(pages.flat(), all.slice(0, 6));
  });

  promise(
    "a token takes heartbeats and one success, which is the task's result",
    async ({ orchestrator, tokenOf, ended }, name) => {
      const { executionId } = await orchestrator.start({ name, input: { do: "hold" } });
      const token = await tokenOf(name);
      assert.deepEqual(await orchestrator.complete(token, { kind: "heartbeat" }), { outcome: "accepted" });
      assert.deepEqual(await orchestrator.complete(token, { kind: "success", output: { n: 1 } }), {
        outcome: "accepted",
      });
      assert.deepEqual((await ended(executionId)).output, { n: 1 });
      assert.deepEqual(await orchestrator.complete(token, { kind: "success", output: { n: 2 } }), {
        outcome: "not_waiting",
      });
    },
  );

  promise("a token's failure is the task's error", async ({ orchestrator, tokenOf, ended }, name) => {
    const { executionId } = await orchestrator.start({ name, input: { do: "hold" } });
    const failure = { error: "Gpu.Lost", cause: "card 3" };
    await orchestrator.complete(await tokenOf(name), { kind: "failure", ...failure });
    const { status, error } = await ended(executionId);
    assert.deepEqual([status, error], ["FAILED", failure]);
  });

  promise("an unknown token and a report above 256 KiB are outcomes", async ({ orchestrator, tokenOf }, name) => {
    assert.deepEqual(await orchestrator.complete("unknown", { kind: "success", output: 1 }), {
      outcome: "not_waiting",
    });
    const { executionId } = await orchestrator.start({ name, input: { do: "hold" } });
    const token = await tokenOf(name);
    const output = "x".repeat(256 * 1024);
    assert.deepEqual(await orchestrator.complete(token, { kind: "success", output }), { outcome: "too_large" });
    assert.equal((await orchestrator.describe(executionId))?.status, "RUNNING");
    await orchestrator.stop(executionId, "done");
  });

  promise(
    "a redrive goes on where the execution failed, with a new token",
    async ({ orchestrator, tokenOf, ended }, name) => {
      const { executionId } = await orchestrator.start({ name, input: { do: "hold" } });
      const first = await tokenOf(name);
      await orchestrator.complete(first, { kind: "failure", error: "Gpu.Lost" });
      assert.equal((await ended(executionId)).status, "FAILED");
      assert.deepEqual(await orchestrator.redrive(executionId), { outcome: "redriven" });
      const second = await tokenOf(name, 2);
      assert.deepEqual((await orchestrator.describe(executionId))?.currentStates, ["Hold"]);
      assert.deepEqual(await orchestrator.complete(first, { kind: "success", output: 1 }), { outcome: "not_waiting" });
      await orchestrator.complete(second, { kind: "success", output: 2 });
      const { status, output, error } = await ended(executionId);
      assert.deepEqual([status, output, error], ["SUCCEEDED", 2, undefined]);
      const redriven = await orchestrator.redrive(executionId);
      assert.deepEqual([redriven.outcome, "reason" in redriven], ["not_redrivable", true]);
      assert.deepEqual(await orchestrator.redrive(`${executionId}-unknown`), { outcome: "unknown_execution" });
    },
  );
}
