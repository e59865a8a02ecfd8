/** Models the pipeline knows by name: what they are for, what they may be used for, how they are spoken to. */
import type { ModelRef } from "./schemas/config.ts";

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

export const PRESETS: Readonly<Record<string, Preset>> = {};

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
