/** The same random calls over the memory store and over DynamoDB Local get the same answers, and the same refusals. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryCalls } from "../../../functions/adapters/memory/calls.ts";
import { memoryServiceStore } from "../../../functions/adapters/memory/service.ts";
import { memoryStateStore } from "../../../functions/adapters/memory/state-store.ts";
import { randomFrom } from "../../../shared/random.ts";
import { noDynamo, openLocalDynamo } from "../../support/dynamo-local.ts";
import { randomSteps, type Step } from "../../support/random-steps.ts";
import type { AllStores } from "../../support/store-story.ts";

const STEPS = 800;

async function answerOf(stores: AllStores, { take }: Step): Promise<unknown> {
  try {
    return { answer: await take(stores) };
  } catch (error) {
    return { refused: String(error) };
  }
}

async function compare(seed: number): Promise<void> {
  const { store } = await openLocalDynamo();
  const memory: AllStores = { ...memoryStateStore(), service: memoryServiceStore(), calls: memoryCalls() };
  try {
    for (const [at, step] of randomSteps(STEPS, randomFrom(seed)).entries()) {
      const [expected, answer] = await Promise.all([answerOf(memory, step), answerOf(store, step)]);
      assert.deepEqual(answer, expected, `seed ${seed}, step ${at}: ${step.told}`);
    }
  } finally {
    await store.close();
  }
}

test("4 × 800 random calls have the same answers in memory and over DynamoDB Local", { skip: noDynamo }, async () => {
  await Promise.all([1, 2, 3, 4].map(compare));
});
