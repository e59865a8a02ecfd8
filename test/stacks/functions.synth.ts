import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ASYNC_MAX_AGE_SECONDS,
  ASYNC_RETRIES,
  LOG_RETENTION,
  WORKERS,
  type Worker,
  type WorkerPlan,
} from "../../stacks/plan.ts";
import { ACCOUNT, ofKind, only, synthesis } from "../support/synthesis.ts";

const made = synthesis();
const functions = ofKind(made, "lambda/function");
const plans = Object.entries(WORKERS) as [Worker, WorkerPlan][];
const title = (worker: string) => worker[0]!.toUpperCase() + worker.slice(1);
const functionOf = (worker: string) => functions.get(`${title(worker)}Function`)!;
const environmentOf = (worker: string) =>
  (functionOf(worker)["environment"] as { variables: Record<string, string> }).variables;

test("there is one function a worker, and the one that signs at the edge", () => {
  assert.deepEqual(
    [...functions.keys()].sort(),
    [...plans.map(([worker]) => `${title(worker)}Function`), "RouterEdgeFunction"].sort(),
  );
});

for (const [worker, plan] of plans) {
  test(`${worker} is what its plan says`, () => {
    const { name, timeout, memorySize, reservedConcurrentExecutions, runtime, architectures, loggingConfig } =
      functionOf(worker);
    assert.deepEqual(
      { name, timeout, memorySize, reservedConcurrentExecutions, runtime, architectures, loggingConfig },
      {
        name: `rlaifv-ci-${worker}`,
        timeout: plan.timeoutSeconds,
        memorySize: plan.memoryMb,
        reservedConcurrentExecutions: plan.reservedConcurrency,
        runtime: "nodejs24.x",
        architectures: ["arm64"],
        loggingConfig: { logFormat: "JSON", logGroup: `/aws/lambda/rlaifv-ci-${worker}` },
      },
    );
  });
}

test("every log is kept for a time, and no longer", () => {
  const groups = [...ofKind(made, "cloudwatch/logGroup").values()];
  assert.deepEqual(
    groups.map(({ name }) => name).sort(),
    [...plans.map(([worker]) => `/aws/lambda/rlaifv-ci-${worker}`), "/aws/vendedlogs/states/rlaifv-ci-loop"].sort(),
  );
  assert.deepEqual(new Set(groups.map(({ retentionInDays }) => retentionInDays)), new Set([LOG_RETENTION.days]));
});

test("each function is told what it asks for, and no more", () => {
  const told = Object.fromEntries(
    plans.map(([worker]) => {
      const names = Object.keys(environmentOf(worker)).filter((name) => name.startsWith("RLAIFV_"));
      return [worker, names.filter((name) => name !== "RLAIFV_TABLE" && name !== "RLAIFV_BUCKET").sort()];
    }),
  );
  const modal = ["RLAIFV_MODAL_APP", "RLAIFV_MODAL_ENVIRONMENT"];
  assert.deepEqual(told, {
    prepare: [],
    plan: [],
    dispatch: ["RLAIFV_CALLBACK_URL", "RLAIFV_COLLECT", ...modal],
    collect: ["RLAIFV_CALLBACK_URL", "RLAIFV_COLLECT", "RLAIFV_MACHINE_ARN", ...modal],
    pair: [],
    train: ["RLAIFV_CALLBACK_URL", ...modal],
    select: [],
    evaluate: [],
    gate: [],
    ended: ["RLAIFV_MACHINE_ARN", ...modal],
    sweep: ["RLAIFV_COLLECT", "RLAIFV_MACHINE_ARN", ...modal],
    callback: ["RLAIFV_COLLECT", "RLAIFV_MACHINE_ARN"],
    api: ["RLAIFV_MACHINE_ARN", ...modal],
  });
});

test("names and addresses in the environment are those of the deployed parts", () => {
  const callback = [...ofKind(made, "lambda/functionUrl").values()].find(
    ({ functionName }) => functionName === "rlaifv-ci-callback",
  );
  assert.ok(callback !== undefined);
  const { RLAIFV_TABLE, RLAIFV_BUCKET, RLAIFV_MACHINE_ARN, RLAIFV_COLLECT, RLAIFV_CALLBACK_URL } =
    environmentOf("collect");
  assert.equal(RLAIFV_TABLE, only(made, "dynamodb/table")["name"]);
  assert.equal(RLAIFV_BUCKET, only(made, "s3/bucket")["bucket"]);
  assert.equal(
    RLAIFV_MACHINE_ARN,
    `arn:aws:states:us-east-1:${ACCOUNT}:stateMachine:${only(made, "sfn/stateMachine")["name"]}`,
  );
  assert.equal(RLAIFV_COLLECT, functionOf("collect")["name"]);
  assert.equal(RLAIFV_CALLBACK_URL, made.outputs["callback"]);
});

test("what is called without anybody waiting ends in the dead letters when it fails for good", () => {
  const configs = [...ofKind(made, "lambda/functionEventInvokeConfig").values()];
  const deadLetters = `arn:aws:sqs:us-east-1:${ACCOUNT}:rlaifv-ci-dead-letters`;
  const expected = plans
    .filter(([, { asynchronous }]) => asynchronous)
    .map(([worker]) => ({
      functionName: `rlaifv-ci-${worker}`,
      maximumRetryAttempts: ASYNC_RETRIES[worker],
      maximumEventAgeInSeconds: ASYNC_MAX_AGE_SECONDS,
      destinationConfig: { onFailure: { destination: deadLetters } },
    }));
  const byName = (a: { functionName?: unknown }, b: { functionName?: unknown }) =>
    String(a.functionName) < String(b.functionName) ? -1 : 1;
  assert.deepEqual(configs.sort(byName), expected.sort(byName));
});

test("only functions with a dead letter are called by services that do not wait", () => {
  const targets = [
    ...[...ofKind(made, "cloudwatch/eventTarget").values()].map(({ arn }) => String(arn)),
    ...[...ofKind(made, "scheduler/schedule").values()].map(({ target }) => (target as { arn: string }).arn),
  ].map((arn) => arn.split(":").at(-1));
  assert.deepEqual(targets.sort(), ["rlaifv-ci-ended", "rlaifv-ci-sweep"]);
});

test("secrets go to those who use them", () => {
  const modal = ["ModalTokenId", "ModalTokenSecret"];
  const linked = plans.map(([worker]) => [worker, made.builds[title(worker)]!.links]);
  assert.deepEqual(Object.fromEntries(linked), {
    prepare: [],
    plan: [],
    dispatch: modal,
    collect: modal,
    pair: [],
    train: modal,
    select: [],
    evaluate: [],
    gate: [],
    ended: modal,
    sweep: modal,
    callback: ["CallbackSecret"],
    api: [...modal, "OperatorKey", "ServeKey"],
  });
});
