import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { readConfigFile } from "../../functions/cli/config-file.ts";
import { estimateRun } from "../../shared/budget/estimate.ts";
import { trainGpuOf } from "../../shared/budget/estimate-gpu.ts";
import { gpuOf } from "../../shared/budget/gpu-time.ts";
import { containerPrice, MICROS_PER_USD } from "../../shared/budget/prices.ts";
import { presetOf } from "../../shared/presets.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";

const FOLDER = new URL("../../examples/", import.meta.url).pathname;
const modelsOf = ({ policy, divider, questioner, labelers }: RunConfig) => [policy, divider, questioner, ...labelers];

test("every example is a config whose presets are known and whose models are those of the presets", async () => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
  assert.ok(files.length >= 3);
  for (const file of files)
    for (const { preset, model } of modelsOf(await readConfigFile(`${FOLDER}${file}`)))
      if (preset !== undefined) assert.equal(model.replace("/models/", ""), presetOf(preset).model);
});

test("the examples for Modal hold their estimate, and what is paid in advance beside it", async () => {
  for (const [file, samples] of [
    ["llava15-rlaifv.json", 16_000],
    ["smoke-10.json", 10],
  ] as const) {
    const config = await readConfigFile(`${FOLDER}${file}`);
    const { usdMicros, unpriced, gpu } = estimateRun(config, samples);
    assert.deepEqual([unpriced, gpu?.warnings], [[], []]);
    const bounds = modelsOf(config).map((model) => containerPrice(gpuOf(model)) * gpuOf(model).timeoutSeconds);
    const shards = Math.max(...bounds) * Math.min(config.maxConcurrentShards, Math.ceil(samples / config.shardSamples));
    const train = config.train === undefined ? 0 : trainGpuOf(config.train.gpu);
    const training = train === 0 ? 0 : containerPrice(train) * train.timeoutSeconds;
    const needed = usdMicros / MICROS_PER_USD + Math.max(shards, training);
    assert.ok(needed <= config.budgetUsd, `${file}: ${needed} of ${config.budgetUsd}`);
  }
});

test("the paper's example has RLAIF-V's own settings", async () => {
  const { rounds, roundData, generate, divide, pair, train } = await readConfigFile(`${FOLDER}llava15-rlaifv.json`);
  assert.deepEqual([rounds, roundData], [4, "split"]);
  assert.deepEqual([generate.candidates, generate.temperature, generate.maxTokens], [10, 0.7, 512]);
  assert.deepEqual([divide.mode, divide.temperature, divide.maxTokens], ["two_calls", 0.2, 256]);
  assert.deepEqual([pair.mode, pair.minScoreGap, pair.perSample, pair.balance], ["parity", 1, 2, true]);
  const { gpu: _gpu, ...settings } = train!;
  assert.deepEqual(settings, {
    trainer: "modal",
    method: "full",
    beta: 0.1,
    learningRate: 5e-7,
    epochs: 4,
    batchPairs: 8,
    dpoWeight: 1,
    sftWeight: 0,
    warmupShare: 0.05,
    checkpointsPerEpoch: 4,
  });
});
