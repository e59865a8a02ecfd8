import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { costMicros, NO_USAGE } from "../../shared/budget/cost.ts";
import { estimateRun } from "../../shared/budget/estimate.ts";
import { containerSeconds, fitsOn, trainSeconds } from "../../shared/budget/gpu-time.ts";
import { modelSize } from "../../shared/budget/model-sizes.ts";
import { containerPrice } from "../../shared/budget/prices.ts";
import { PRESETS } from "../../shared/presets.ts";
import { GpuConfig, ModelRef, RunConfig } from "../../shared/schemas/config.ts";
import { GpuKind } from "../../shared/schemas/gpu-kind.ts";

const usage = (prompt_tokens: number, completion_tokens: number, cached_tokens = 0) => ({
  prompt_tokens,
  completion_tokens,
  total_tokens: prompt_tokens + completion_tokens,
  prompt_tokens_details: { cached_tokens },
});
const modal = (model: string, gpu: object = {}) => ModelRef.parse({ engine: "modal", model, gpu });
const LLAVA = modal("llava-hf/llava-1.5-7b-hf");
const runOn = (model: ModelRef, rest: object = {}) =>
  RunConfig.parse({
    data: { path: "x" },
    policy: model,
    divider: model,
    questioner: model,
    labelers: [model],
    shardSamples: 100,
    maxConcurrentShards: 8,
    ...rest,
  });

test("a model on Modal costs its container's time, and is never free", () => {
  assert.equal(costMicros(LLAVA, { usage: NO_USAGE, seconds: 100 }), Math.ceil(100e6 * containerPrice(LLAVA.gpu!)));
  const untimed = costMicros(LLAVA, { usage: usage(616, 1600), seconds: 0 });
  assert.equal(untimed, Math.ceil(containerSeconds(LLAVA, usage(616, 1600)) * containerPrice(LLAVA.gpu!) * 1e6));
  assert.ok(untimed > 0);
});

test("the time of a container falls with GPUs and cached tokens and grows with tokens", () => {
  const tokens = fc.nat({ max: 1_000_000 });
  fc.assert(
    fc.property(tokens, tokens, tokens, fc.constantFrom(...GpuKind.options), (prompt, cached, completion, kind) => {
      const one = modal("some/model-7b", { kind });
      const two = modal("some/model-7b", { kind, count: 2 });
      const seconds = containerSeconds(one, usage(prompt, completion));
      assert.ok(containerSeconds(one, usage(prompt, completion, cached)) <= seconds);
      assert.ok(containerSeconds(one, usage(prompt + 1, completion + 1)) > seconds);
      assert.ok(Math.abs(containerSeconds(two, usage(prompt, completion)) * 2 - seconds) <= 1e-9 * (seconds + 1));
    }),
  );
});

test("four epochs of RLAIF-V's 6,016 pairs take its 1.5 hours on eight A100, within a tenth", () => {
  const gpu = GpuConfig.parse({ kind: "A100-80GB", count: 8 });
  const hours = trainSeconds("llava-hf/llava-1.5-7b-hf", gpu, { pairs: 6016, tokensPerAnswer: 160, epochs: 4 }) / 3600;
  assert.ok(Math.abs(hours - 1.5) < 0.15, `${hours} h`);
});

test("the size of every preset that needs a GPU is known; a name tells other sizes", () => {
  const strangers = Object.values(PRESETS).filter(
    ({ model }) => !model.startsWith("embedded/") && modelSize({ model }).from !== "table",
  );
  assert.deepEqual(strangers, []);
  assert.deepEqual(modelSize({ model: "Qwen/Qwen2.5-0.5B-Instruct" }), {
    billions: 0.5,
    imageTokens: 1000,
    from: "name",
  });
  assert.equal(modelSize({ model: "my/model" }).from, "guess");
});

test("a model that does not fit on its GPUs is told, with the way out", () => {
  const labeler = modal("llava-hf/llava-v1.6-34b-hf", { kind: "L4" });
  assert.equal(fitsOn(labeler), false);
  const { gpu } = estimateRun(runOn(LLAVA, { labelers: [labeler] }), 100);
  assert.match(
    gpu!.warnings[0]!,
    /34\.8 billion parameters in bf16 leave no room on 1 × L4; use gpu\.kind or gpu\.count/,
  );
  assert.equal(fitsOn(modal("llava-hf/llava-v1.6-34b-hf", { kind: "H200" })), true);
});

test("a run on Modal has a cost and a time, and no model without a price", () => {
  const { stages, usdMicros, unpriced, gpu } = estimateRun(runOn(LLAVA), 1000);
  assert.deepEqual(unpriced, []);
  assert.deepEqual(
    stages.map(({ stage, requests }) => [stage, requests]),
    [
      ["generate", 1000],
      ["divide", 10_000],
      ["question", 10_000],
      ["score", 50_000],
    ],
  );
  const busy = gpu!.stages.reduce((sum, { containerSeconds: seconds }) => sum + seconds, 0);
  assert.ok(Math.abs(usdMicros - busy * containerPrice(LLAVA.gpu!) * 1e6) <= stages.length);
  assert.ok(Math.abs(gpu!.wallSeconds - (busy / 8 + 4 * 120)) < 1e-6); // eight containers, four cold starts
  assert.equal(gpu!.training, undefined);
});

test("training on Modal is counted with the run; rounds that use all samples count each time", () => {
  const trained = { train: { trainer: "modal" }, rounds: 2 };
  const split = estimateRun(runOn(LLAVA, trained), 1000);
  const all = estimateRun(runOn(LLAVA, { ...trained, roundData: "all" }), 1000);
  const stagesOf = (estimate: typeof split) => estimate.stages.reduce((sum, stage) => sum + stage.usdMicros, 0);
  assert.equal(split.usdMicros, stagesOf(split) + split.gpu!.training!.usdMicros);
  assert.ok(Math.abs(all.usdMicros / split.usdMicros - 2) < 1e-3);
});

test("a run on servers alone tells nothing of GPUs", () => {
  const server = ModelRef.parse({ engine: "openai", model: "m", baseUrl: "http://127.0.0.1:1/v1" });
  const { gpu, unpriced } = estimateRun(runOn(server), 10);
  assert.equal(gpu, undefined);
  assert.deepEqual(unpriced, ["m"]);
});
