/** Models the pipeline knows by name: what they are for, what they may be used for, how they are spoken to. */
import type { ModelRef, RunConfigInput } from "./schemas/config.ts";

/** How a model wants to be asked, when it was trained on a form of its own. */
export type PromptStyle = {
  /** One user turn; `{question}` and `{answer}` (divide) or `{statements}` (question) are put in. */
  template: string;
  /** `rlaifv`: read the reply as RLAIF-V does (golden `fact_parsing`); `any`: our robust reading. */
  list: "rlaifv" | "any";
  topP?: number;
};

export type PresetRole = "policy" | "divider" | "questioner" | "labeler";

export type Preset = {
  roles: readonly PresetRole[];
  /** The model's name on Hugging Face, or of the embedded engine. */
  model: string;
  licence: string;
  /** Where the facts below come from. */
  source: string;
  /** Decoding of the policy role, in the words of the config's `generate`. */
  generate?: { temperature: number; maxTokens: number; topP?: number };
  /** Decoding of the divider and questioner roles, in the words of the config's `divide`. */
  divideDecoding?: { temperature: number; maxTokens: number };
  divide?: PromptStyle;
  question?: PromptStyle;
  note?: string;
};

const SAMPLING = { temperature: 0.7, maxTokens: 512 }; // RLAIF-V script/data_gen (rlaifv-spec §1.2)
const LLAMA3_DECODING = { temperature: 0.2, maxTokens: 256 }; // RLAIF-V: top-p 0.9 beside them (rlaifv-spec §1.3)
const LLAMA3_TOP_P = 0.9;

// The forms the two released Llama-3 models were trained on, told in our words: task, header of the reply, bullets.
const RELEASED_DIVIDE = `You are an expert who takes the facts out of a question about a picture and its answer.
Write every fact that the answer states as a sentence that stands for itself. Leave out opinions and anything subjective.
Reply in this form:
### Facts:
- {the first fact}
- {the second fact}

### Question:
{question}
### Answer:
{answer}`;

const RELEASED_QUESTION = `Change each of these declarative sentences, one after the other, into a general question that is answered with yes or no.
Keep the tense, add no content, and keep a negation where the sentence has one.
Reply in this form:
### Modified sentences:
- {the first question}
- {the second question}

### Sentences:
{statements}`;

const OWN_WORLD = "knows only the embedded picture world";

/** Licences as named by the model cards in 2026-11; read them before commercial use. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  "embedded-policy": {
    roles: ["policy"],
    model: "embedded/policy",
    licence: "Apache-2.0",
    source: "functions/embedded",
    generate: { temperature: 1, maxTokens: 64 }, // the model's captions have at most 46 tokens
    note: OWN_WORLD,
  },
  "embedded-divider": {
    roles: ["divider"],
    model: "embedded/divider",
    licence: "Apache-2.0",
    source: "functions/embedded",
    note: OWN_WORLD,
  },
  "embedded-questioner": {
    roles: ["questioner"],
    model: "embedded/questioner",
    licence: "Apache-2.0",
    source: "functions/embedded",
    note: OWN_WORLD,
  },
  "embedded-labeler": {
    roles: ["labeler"],
    model: "embedded/labeler",
    licence: "Apache-2.0",
    source: "functions/embedded",
    note: OWN_WORLD,
  },
  "llava-1.5-7b": {
    roles: ["policy"],
    model: "llava-hf/llava-1.5-7b-hf",
    licence: "Llama 2 Community License",
    source: "rlaifv-spec §0: base policy of the 7B track (liuhaotian/llava-v1.5-7b, in the Hugging Face format)",
    generate: SAMPLING,
  },
  "omnilmm-12b": {
    roles: ["policy", "labeler"],
    model: "openbmb/OmniLMM-12B",
    licence: "OpenBMB General Model License (free for research; commercial use after registration)",
    source: "rlaifv-spec §0: base policy of the 12B track and labeler of the released scripts",
    generate: SAMPLING,
    note: "RLAIF-V samples it with repetition penalty 1.1, which OpenAI's interface cannot say",
  },
  "minicpm-llama3-v-2.5": {
    roles: ["policy", "labeler"],
    model: "openbmb/MiniCPM-Llama3-V-2_5",
    licence: "MiniCPM Model License and Llama 3 Community License",
    source: "rlaifv-spec §0: labeler of the released scripts; decoding §1.2",
    generate: { ...SAMPLING, topP: 0.8 },
  },
  "llava-next-34b": {
    roles: ["labeler"],
    model: "llava-hf/llava-v1.6-34b-hf",
    licence: "Yi License and terms of its tuning data (LLaVA-NeXT)",
    source: "rlaifv-spec §0: labeler of the paper's 7B track",
  },
  "rlaifv-7b": {
    roles: ["policy"],
    model: "openbmb/RLAIF-V-7B",
    licence: "Apache-2.0, bound by the Llama 2 Community License of its base",
    source: "rlaifv-spec §0: released result of the 7B track",
    generate: SAMPLING,
  },
  "rlaifv-12b": {
    roles: ["policy", "labeler"],
    model: "openbmb/RLAIF-V-12B",
    licence: "Apache-2.0, bound by the license of its base OmniLMM-12B",
    source: "rlaifv-spec §0: released result of the 12B track",
    generate: SAMPLING,
  },
  "rlaifv-llama3-divide": {
    roles: ["divider"],
    model: "rlaifv_llama3_split_model",
    licence: "Llama 3 Community License",
    source: "rlaifv-spec §0 and §1.3: released split model (rlaifv_llama3_split_model.tar.gz)",
    divideDecoding: LLAMA3_DECODING,
    divide: { template: RELEASED_DIVIDE, list: "rlaifv", topP: LLAMA3_TOP_P },
    note: "the template tells RLAIF-V's prompt in other words",
  },
  "rlaifv-llama3-question": {
    roles: ["questioner"],
    model: "rlaifv_llama3_changeq_model",
    licence: "Llama 3 Community License",
    source: "rlaifv-spec §0 and §1.4: released question model (rlaifv_llama3_changeq_model.tar.gz)",
    divideDecoding: LLAMA3_DECODING,
    question: { template: RELEASED_QUESTION, list: "rlaifv", topP: LLAMA3_TOP_P },
    note: "the template tells RLAIF-V's prompt in other words",
  },
  "qwen2.5-vl-7b": {
    roles: ["policy", "divider", "questioner", "labeler"],
    model: "Qwen/Qwen2.5-VL-7B-Instruct",
    licence: "Apache-2.0",
    source: "model card Qwen/Qwen2.5-VL-7B-Instruct: one permissive model for every role",
    generate: SAMPLING,
  },
};

/** The preset of this name; an unknown one is a RangeError that lists the known. */
export function presetOf(name: string): Preset {
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (preset === undefined) {
    throw new RangeError(
      `unknown preset "${name}"; the known ones are ${Object.keys(PRESETS).join(", ")} (rlaifv models)`,
    );
  }
  return preset;
}

/** The prompt form of a model's preset for one task, or undefined for our own words. */
export function promptStyleOf(model: ModelRef, task: "divide" | "question"): PromptStyle | undefined {
  return model.preset === undefined ? undefined : presetOf(model.preset)[task];
}

/**
 * Puts in what the presets know where the config leaves it out: model names, and the decoding of policy and divider.
 * What the config says stands. An unknown preset, or one used in a role it is not for, is an exception.
 */
export function withPresets(config: PresetConfig): PresetConfig {
  const policy = presetFor(config.policy, "policy");
  const divider = presetFor(config.divider, "divider");
  const questioner = presetFor(config.questioner, "questioner");
  const decoding = divider?.divideDecoding ?? questioner?.divideDecoding;
  return {
    ...config,
    policy: named(config.policy, policy),
    divider: named(config.divider, divider),
    questioner: named(config.questioner, questioner),
    labelers: config.labelers.map((labeler) => named(labeler, presetFor(labeler, "labeler"))),
    ...(policy?.generate === undefined ? {} : { generate: { ...policy.generate, ...config.generate } }),
    ...(decoding === undefined ? {} : { divide: { ...decoding, ...config.divide } }),
  };
}

/** A config as written; a model with a preset may leave out its name. */
type PresetModel = Omit<RunConfigInput["policy"], "model"> & { model?: string };
export type PresetConfig = Omit<RunConfigInput, "policy" | "divider" | "questioner" | "labelers"> & {
  policy: PresetModel;
  divider: PresetModel;
  questioner: PresetModel;
  labelers: PresetModel[];
};

function presetFor(model: PresetModel, role: PresetRole): Preset | undefined {
  if (model.preset === undefined) return undefined;
  const preset = presetOf(model.preset);
  if (preset.roles.includes(role)) return preset;
  throw new RangeError(`preset "${model.preset}" is for ${preset.roles.join(", ")}, not for the ${role}`);
}

function named(model: PresetModel, preset: Preset | undefined): PresetModel {
  return preset === undefined ? model : { ...model, model: model.model ?? preset.model };
}
