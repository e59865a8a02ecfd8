/**
 * What the workers and the GPU functions (functions/gpu, Python) say to each other. A job is small, strings and whole
 * numbers only (Modal takes 8 KiB of arguments inline, and whole numbers above 2^32 arrive as floats): it names objects of
 * the bucket by key. `scripts/gpu-contract.ts` writes these schemas to `functions/gpu/contract.schema.json`.
 */
import { z } from "zod";
import { Usage } from "./chat.ts";
import { TrainStepRecord } from "./rounds.ts";
import { Checkpoint } from "./rows.ts";

/** Raised when a deployed GPU app of the version before would misunderstand a job. */
export const GPU_CONTRACT = 1 as const;

/** The weights a function loads: a model of the Hub in one revision ("": its newest), and a checkpoint of a run over it. */
export const Weights = z.strictObject({
  model: z.string().min(1),
  revision: z.string(),
  /** `key`: of the checkpoint's manifest (`CheckpointManifest`) in the bucket. */
  checkpoint: z.strictObject({ key: z.string().min(1), sha256: z.string() }).nullable(),
});
export type Weights = z.infer<typeof Weights>;

/** Files of one checkpoint, full weights or a LoRA adapter. Its `Checkpoint.key` names this manifest, `sha256` is the manifest's. */
export const CheckpointManifest = z.strictObject({
  format: z.enum(["full", "lora"]),
  base: z.strictObject({ model: z.string().min(1), revision: z.string() }),
  /** `path`: below the checkpoints' volume. */
  files: z.array(z.strictObject({ path: z.string().min(1), bytes: z.int().min(0), sha256: z.string() })).min(1),
});
export type CheckpointManifest = z.infer<typeof CheckpointManifest>;

const call = {
  contract: z.literal(GPU_CONTRACT),
  /** The call's name: every report bears it. */
  call: z.string().min(1),
  weights: Weights,
  callbackUrl: z.url(),
  /** Longest silence between two reports, seconds. */
  heartbeatSeconds: z.int().min(1),
  /** GPU seconds that are paid for: the function stops itself before it has used more. */
  deadlineSeconds: z.int().min(1),
};

/** Answers the lines of an OpenAI batch file. Images in it are `blob:<sha256>`, in the bucket under `blobs/<sha256>`; any other URL is refused. */
export const BatchJob = z.strictObject({
  kind: z.literal("batch"),
  ...call,
  inputKey: z.string().min(1),
  /** Written once, whole; where it is there already, nothing is computed. */
  outputKey: z.string().min(1),
  lines: z.int().min(1),
  /** Before the lines: the same question on two images with opposite truth must not get equal answers. */
  canary: z.boolean(),
});
export type BatchJob = z.infer<typeof BatchJob>;

/** One line of a batch's output file, as OpenAI has it. */
export const BatchOutputLine = z.object({
  id: z.string(),
  custom_id: z.string(),
  response: z.object({ status_code: z.int(), request_id: z.string().optional(), body: z.unknown() }).nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type BatchOutputLine = z.infer<typeof BatchOutputLine>;

export const DpoSettings = z.strictObject({
  method: z.enum(["full", "lora"]),
  beta: z.number().positive(),
  learningRate: z.number().positive(),
  epochs: z.number().positive(),
  batchPairs: z.int().min(1),
  dpoWeight: z.number().min(0),
  sftWeight: z.number().min(0),
  warmupShare: z.number().min(0).max(1),
  checkpointsPerEpoch: z.int().min(1),
});
export type DpoSettings = z.infer<typeof DpoSettings>;

/** Trains one round. The same job again goes on from its newest checkpoint. */
export const GpuTrainJob = z.strictObject({
  kind: z.literal("train"),
  ...call,
  /** Prefix of the checkpoints' ids: step 28 is `<name>-s28`. */
  name: z.string().min(1),
  /** A parquet file with the columns pair_id, sample_id, image_sha256, question, chosen, rejected (all text). */
  pairsKey: z.string().min(1),
  pairs: z.int().min(0),
  /** Checkpoint manifests, reference logprobs and `metrics.jsonl` (a TrainStepRecord a line) are written below it. */
  outputPrefix: z.string().min(1),
  /** A `GpuTrainResult` is written here, last. */
  resultKey: z.string().min(1),
  seed: z
    .int()
    .min(0)
    .max(2 ** 32 - 1),
  settings: DpoSettings,
});
export type GpuTrainJob = z.infer<typeof GpuTrainJob>;

export const GpuTrainResult = z.discriminatedUnion("outcome", [
  z.strictObject({ outcome: z.literal("too_few_pairs"), pairs: z.int().min(0), needed: z.int().min(0) }),
  z.strictObject({
    outcome: z.literal("trained"),
    pairsUsed: z.int().min(0),
    /** Why pairs were left out, by reason. */
    pairsDropped: z.record(z.string(), z.int()),
    steps: z.array(TrainStepRecord),
    checkpoints: z.array(Checkpoint).min(1),
  }),
]);
export type GpuTrainResult = z.infer<typeof GpuTrainResult>;

const report = { call: z.string().min(1) };
/**
 * Container seconds this call is billed for so far: from the container's start for its first call (with the time it will
 * idle at its end), from the end of the call before for any other.
 */
const gpuSeconds = z.number().min(0);

/**
 * What a GPU function tells by POST to `callbackUrl`, signed as Standard Webhooks has it (`webhook-id`, `-timestamp`,
 * `-signature: v1,…`); each report has an id of its own. `started` comes first, and again after a preemption.
 */
export const GpuReport = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("started"), ...report, providerId: z.string().min(1), container: z.string() }),
  z.strictObject({
    type: z.literal("heartbeat"),
    ...report,
    providerId: z.string().min(1),
    gpuSeconds,
    /** Lines answered or steps done, of how many. */
    progress: z.strictObject({ done: z.int().min(0), total: z.int().min(0) }),
  }),
  z.strictObject({
    type: z.literal("success"),
    ...report,
    providerId: z.string().min(1),
    gpuSeconds,
    resultKey: z.string().min(1),
    /** Of a batch, all lines together, with cached tokens; null after training. */
    usage: Usage.nullable(),
  }),
  z.strictObject({
    type: z.literal("failure"),
    ...report,
    providerId: z.string().min(1),
    gpuSeconds,
    /** E.g. `canary_failed`, `out_of_memory`, `deadline`, `bad_input`, `stopped`. */
    code: z.string().min(1),
    message: z.string(),
    /** Whether the same job may end well another time. */
    retryable: z.boolean(),
  }),
]);
export type GpuReport = z.infer<typeof GpuReport>;

/** The answer to a report. `goOn: false`: nobody pays for this call any more, it stops at once and writes nothing. */
export const GpuVerdict = z.strictObject({ goOn: z.boolean(), reason: z.string().optional() });
export type GpuVerdict = z.infer<typeof GpuVerdict>;
