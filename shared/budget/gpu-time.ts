/**
 * How long GPUs take for what models are asked, from the size of the model and the data sheet of the GPU. An estimate: a
 * pilot, or the run itself, knows better.
 */
import type { Usage } from "../schemas/chat.ts";
import type { GpuConfig, ModelRef } from "../schemas/config.ts";
import { GpuConfig as GpuConfigSchema } from "../schemas/config.ts";
import type { GpuKind } from "../schemas/gpu-kind.ts";
import { modelSize } from "./model-sizes.ts";

/** One GPU: dense bf16 (T4: fp16) peak, memory bandwidth, memory. */
type GpuSheet = { teraflops: number; terabytesPerSecond: number; gigabytes: number };

/** NVIDIA's data sheets, SXM where there is one; without sparsity. Read 2026-11. */
export const GPU_SHEETS: Readonly<Record<GpuKind, GpuSheet>> = {
  B200: { teraflops: 2250, terabytesPerSecond: 8, gigabytes: 180 },
  H200: { teraflops: 989, terabytesPerSecond: 4.8, gigabytes: 141 },
  H100: { teraflops: 989, terabytesPerSecond: 3.35, gigabytes: 80 },
  "RTX-PRO-6000": { teraflops: 503, terabytesPerSecond: 1.6, gigabytes: 96 },
  "A100-80GB": { teraflops: 312, terabytesPerSecond: 2.04, gigabytes: 80 },
  "A100-40GB": { teraflops: 312, terabytesPerSecond: 1.56, gigabytes: 40 },
  L40S: { teraflops: 362, terabytesPerSecond: 0.86, gigabytes: 48 },
  A10: { teraflops: 125, terabytesPerSecond: 0.6, gigabytes: 24 },
  L4: { teraflops: 121, terabytesPerSecond: 0.3, gigabytes: 24 },
  T4: { teraflops: 65, terabytesPerSecond: 0.32, gigabytes: 16 },
};

/** Share of the peak that reading a prompt reaches. Our choice: half of what long prompts of large matrices give. */
const PREFILL_SHARE = 0.4;
/**
 * Tokens written for each time the weights could be read from memory: many answers grow at once. Public vLLM benchmarks
 * (morphllm.com/vllm-benchmarks, 2026-04) come to 25 (7.6B on an A100: 3,363 tokens/s), 19 (32.8B on an A100: 577) and 60
 * (8B on an H100: 12,500). Our choice: the cautious end.
 */
const TOKENS_PER_READING = 24;
/** Share of the peak in training. RLAIF-V's own: 1.5 h on eight A100 for 6,016 pairs, four epochs (rlaifv-spec §1.10, §2.6) come to 0.16. */
const TRAIN_SHARE = 0.16;
/** Of the memory, what weights may take; the rest is for the answers that grow. Our choice. */
const WEIGHTS_SHARE = 0.85;
const BYTES_PER_PARAMETER = 2; // bf16

/** The GPUs a `modal` model runs on; left out in the config: one H100. */
export const gpuOf = ({ gpu }: Pick<ModelRef, "gpu">): GpuConfig => gpu ?? GpuConfigSchema.parse({});

/** Tokens per second of one container, all its GPUs together, kept busy. */
export function throughput(model: Pick<ModelRef, "model" | "gpu">): { prefill: number; decode: number } {
  const { kind, count } = gpuOf(model);
  const sheet = GPU_SHEETS[kind];
  const parameters = modelSize(model).billions * 1e9;
  return {
    prefill: (count * PREFILL_SHARE * sheet.teraflops * 1e12) / (2 * parameters),
    decode: (count * TOKENS_PER_READING * sheet.terabytesPerSecond * 1e12) / (BYTES_PER_PARAMETER * parameters),
  };
}

/** Seconds of one busy container for this usage. Cached prompt tokens take no time. */
export function containerSeconds(model: Pick<ModelRef, "model" | "gpu">, usage: Usage): number {
  const { prefill, decode } = throughput(model);
  const read = Math.max(0, usage.prompt_tokens - (usage.prompt_tokens_details?.cached_tokens ?? 0));
  return read / prefill + usage.completion_tokens / decode;
}

/** Whether the weights leave room on the container's GPUs. */
export function fitsOn(model: Pick<ModelRef, "model" | "gpu">): boolean {
  const { kind, count } = gpuOf(model);
  return modelSize(model).billions * BYTES_PER_PARAMETER <= count * GPU_SHEETS[kind].gigabytes * WEIGHTS_SHARE;
}

export type TrainingSize = { pairs: number; tokensPerAnswer: number; epochs: number };

/**
 * Seconds of one container that trains all weights with gradient checkpointing: per token and parameter 8 operations each
 * epoch (forward, again, backward), and 2 once for the reference. LoRA spares a third of the backward pass; it counts in full.
 */
export function trainSeconds(model: string, gpu: GpuConfig, size: TrainingSize): number {
  const { billions, imageTokens } = modelSize({ model });
  const tokens = 2 * size.pairs * (imageTokens + size.tokensPerAnswer);
  const operations = tokens * billions * 1e9 * (8 * size.epochs + 2);
  return operations / (gpu.count * GPU_SHEETS[gpu.kind].teraflops * 1e12 * TRAIN_SHARE);
}
