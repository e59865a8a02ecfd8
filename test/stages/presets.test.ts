import assert from "node:assert/strict";
import { test } from "node:test";
import { PRESETS, withPresets } from "../../shared/presets.ts";
import { RunConfig } from "../../shared/schemas/config.ts";

const server = { engine: "openai" as const, baseUrl: "http://127.0.0.1:8000/v1" };

function written(more: object = {}) {
  return {
    data: { path: "x.jsonl" },
    policy: { ...server, preset: "minicpm-llama3-v-2.5" },
    divider: { ...server, preset: "rlaifv-llama3-divide" },
    questioner: { ...server, preset: "rlaifv-llama3-question" },
    labelers: [{ ...server, preset: "omnilmm-12b" }],
    ...more,
  };
}

test("presets supply model names and decoding, and what the config says stands", () => {
  const config = RunConfig.parse(withPresets(written({ generate: { temperature: 1 } })));
  assert.equal(config.policy.model, "openbmb/MiniCPM-Llama3-V-2_5");
  assert.equal(config.labelers[0]!.model, "openbmb/OmniLMM-12B");
  assert.deepEqual(config.generate, { candidates: 10, temperature: 1, topP: 0.8, maxTokens: 512 });
  assert.equal(config.divide.temperature, 0.2);
  assert.equal(config.divide.maxTokens, 256);
});

test("a preset in a role it is not for is refused", () => {
  const config = written({ labelers: [{ ...server, preset: "rlaifv-llama3-divide" }] });
  assert.throws(() => withPresets(config), /preset "rlaifv-llama3-divide" is for divider, not for the labeler/);
});

test("every preset names a model, its licence and its source, and divider templates hold what they are given", () => {
  for (const [name, preset] of Object.entries(PRESETS)) {
    assert.ok(preset.model && preset.licence && preset.source && preset.roles.length > 0, name);
    if (preset.divide) assert.match(preset.divide.template, /\{question\}[\s\S]*\{answer\}/);
    if (preset.question) assert.match(preset.question.template, /\{statements\}/);
  }
});
