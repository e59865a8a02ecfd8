import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LOOP_LIMITS } from "../../shared/loop-stages.ts";
import {
  ACCOUNT_CONCURRENCY,
  ALARMS,
  ASYNC_RETRIES,
  BUCKET,
  DEAD_LETTER_DAYS,
  EDGE,
  isProduction,
  LOG_RETENTION,
  SWEEP_MINUTES,
  THROTTLE_ALARMS,
  WORKERS,
  type Worker,
  type WorkerPlan,
} from "../../stacks/plan.ts";

const plans = Object.entries(WORKERS) as [Worker, WorkerPlan][];

test("every worker stays inside what Lambda offers", () => {
  const outside = plans.filter(
    ([, { timeoutSeconds, memoryMb }]) =>
      !Number.isInteger(timeoutSeconds) || timeoutSeconds > 900 || memoryMb < 128 || memoryMb > 10_240,
  );
  assert.deepEqual(outside, []);
});

test("reservations leave the account the functions that AWS insists on", () => {
  const reserved = plans.reduce((sum, [, plan]) => sum + (plan.reservedConcurrency ?? 0), 0);
  assert.ok(reserved <= ACCOUNT_CONCURRENCY.total - ACCOUNT_CONCURRENCY.unreserved, `${reserved} are reserved`);
});

test("what is public has a ceiling", () => {
  assert.ok(WORKERS.api.reservedConcurrency > 0 && WORKERS.callback.reservedConcurrency > 0);
});

test("a sweep has ended before the next begins", () => {
  assert.ok(WORKERS.sweep.timeoutSeconds < SWEEP_MINUTES * 60);
});

test("a shard's heartbeat outlasts five sweeps that fail", () => {
  assert.ok(LOOP_LIMITS.shardHeartbeatSeconds! >= 6 * SWEEP_MINUTES * 60);
});

test("every worker that is called without anybody waiting says how often it is tried again", () => {
  const asynchronous = plans.filter(([, { asynchronous }]) => asynchronous).map(([name]) => name);
  assert.deepEqual(Object.keys(ASYNC_RETRIES).sort(), asynchronous.sort());
});

test("CloudFront waits as long as it can, and no longer than the API lives", () => {
  assert.equal(EDGE.readTimeoutSeconds, 60);
  assert.ok(EDGE.readTimeoutSeconds < WORKERS.api.timeoutSeconds);
});

test("alarms look at periods that CloudWatch knows", () => {
  for (const { periodSeconds, periods } of Object.values(ALARMS)) {
    assert.equal(periodSeconds % 60, 0);
    assert.ok(periodSeconds * periods <= 24 * 3600); // CloudWatch's longest look back at such periods
  }
});

test("throttling is watched where a reservation or a fan-out can cause it", () => {
  const reserved = plans.filter(([, { reservedConcurrency = 0 }]) => reservedConcurrency > 1).map(([name]) => name);
  assert.deepEqual([...THROTTLE_ALARMS].sort(), [...reserved, "dispatch"].sort());
});

test("what a run leaves behind is kept longer than a run lives", () => {
  const longestRunDays = (LOOP_LIMITS.trainTimeoutSeconds / 86_400) * 10; // ten rounds of the longest training
  assert.ok(BUCKET.batchesDays >= longestRunDays && LOG_RETENTION.days >= longestRunDays);
  assert.equal(DEAD_LETTER_DAYS, 14); // SQS keeps nothing longer
});

test("only stages that are called so are production", () => {
  assert.ok(isProduction("prod") && isProduction("production"));
  fc.assert(fc.property(fc.string(), (name) => !isProduction(name) || name.startsWith("prod")));
});
