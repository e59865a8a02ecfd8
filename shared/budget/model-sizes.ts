/** How large models are: what their time on a GPU follows from. */
import type { ModelRef } from "../schemas/config.ts";

/** `billions` of parameters, in bf16 two bytes each; `imageTokens` of one photograph of 640 × 480, 0 for a model that sees none. */
export type ModelSize = { billions: number; imageTokens: number };

/** By the name on the Hub. Parameters and image tokens as model cards and papers tell them (2026-11). */
const KNOWN: Readonly<Record<string, ModelSize>> = {
  "llava-hf/llava-1.5-7b-hf": { billions: 7.1, imageTokens: 576 }, // 24 × 24 patches of a 336-pixel square
  "openbmb/RLAIF-V-7B": { billions: 7.1, imageTokens: 576 }, // the same network
  "llava-hf/llava-v1.6-34b-hf": { billions: 34.8, imageTokens: 2880 }, // five tiles of 576
  "openbmb/OmniLMM-12B": { billions: 11.6, imageTokens: 64 }, // a resampler of 64 queries
  "openbmb/RLAIF-V-12B": { billions: 11.6, imageTokens: 64 },
  "openbmb/MiniCPM-Llama3-V-2_5": { billions: 8.5, imageTokens: 480 }, // 96 a slice: four slices and the whole
  rlaifv_llama3_split_model: { billions: 8, imageTokens: 0 },
  rlaifv_llama3_changeq_model: { billions: 8, imageTokens: 0 },
  "Qwen/Qwen2.5-VL-7B-Instruct": { billions: 8.3, imageTokens: 391 }, // 23 × 17 squares of 28 pixels
};

/** Where neither the table nor the name tells the size. Our choice: a bit above today's small models. */
const UNKNOWN: ModelSize = { billions: 8, imageTokens: 1000 };

/** The size of a model, and how it is known: from the table, from a name like `…-7B-…`, or not at all. */
export function modelSize({ model }: Pick<ModelRef, "model">): ModelSize & { from: "table" | "name" | "guess" } {
  const known = Object.hasOwn(KNOWN, model) ? KNOWN[model] : undefined;
  if (known !== undefined) return { ...known, from: "table" };
  const [, billions] = /(?:^|[-_/])(\d+(?:\.\d+)?)b(?:$|[-_.])/i.exec(model) ?? [];
  if (billions === undefined) return { ...UNKNOWN, from: "guess" };
  return { billions: Number(billions), imageTokens: UNKNOWN.imageTokens, from: "name" };
}
