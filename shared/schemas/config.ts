/** Everything a run is made of. A config names no secret: keys are read from the environment variables it names. */
import { z } from "zod";
import { runGateFault } from "../evaluation/run-gate.ts";
import { GpuKind } from "./gpu-kind.ts";

export const EngineName = z.enum(["embedded", "openai", "modal"]);

/** On what a `modal` model or trainer runs. */
export const GpuConfig = z.strictObject({
  kind: GpuKind.default("H100"),
  /** GPUs of one container. */
  count: z.int().min(1).max(8).default(1), // Modal: at most 8 of a kind in one container
  /** Most containers at once; never more than `maxConcurrentShards`, and the plan of the Modal account bounds it too. */
  maxContainers: z.int().min(1).max(1000).default(8), // our choice: below the ten GPUs of Modal's smallest plan
  /** Longest one call may compute, seconds: what is reserved before it. */
  timeoutSeconds: z.int().min(60).max(86_400).default(3600), // Modal: at most 24 h; our choice: a shard of 1,000 samples takes minutes
});
export type GpuConfig = z.infer<typeof GpuConfig>;

/** One model behind one engine. `model` is what the server calls it. */
export const ModelRef = z
  .strictObject({
    engine: EngineName,
    model: z.string().min(1),
    /** Base of an OpenAI-compatible server, e.g. `http://127.0.0.1:8000/v1`. Needed for `openai`. */
    baseUrl: z.url().optional(),
    /** Name of the environment variable that holds the key. */
    apiKeyEnv: z.string().default("OPENAI_API_KEY"),
    /** Upper bound of concurrent requests; the client finds the right number below it (AIMD). */
    maxConcurrency: z.int().min(1).max(1024).default(32), // our choice
    timeoutSeconds: z.number().positive().default(120), // our choice
    /** USD per million tokens; a server without a price counts as 0 and the plan says so. A `modal` model is paid by its GPU's time. */
    price: z.strictObject({ input: z.number().min(0), output: z.number().min(0) }).optional(),
    /** Commit of the Hub that pins the weights of a `modal` model. */
    revision: z.string().optional(),
    /** Of a `modal` model; left out: one H100. */
    gpu: GpuConfig.optional(),
    /** A named preset of `rlaifv models` that supplies prompts and decoding where the config does not. */
    preset: z.string().optional(),
  })
  .refine((model) => model.engine !== "openai" || model.baseUrl !== undefined, {
    path: ["baseUrl"],
    error: "an openai model needs baseUrl, e.g. http://127.0.0.1:8000/v1",
  });
export type ModelRef = z.infer<typeof ModelRef>;

/** A manifest file (JSONL, RLAIF-V input, parquet) or a folder of images with one question. */
export const FileRef = z.strictObject({ path: z.string().min(1), question: z.string().min(1).optional() });
export type FileRef = z.infer<typeof FileRef>;

/** A manifest that was sent to a service. */
const ManifestRef = z.strictObject({
  manifest: z.string().regex(/^man_[0-9a-f]{16}$/, "a manifest's id, e.g. man_0123456789abcdef"),
});

/** Where samples come from. */
export const DataRef = z.union([FileRef, ManifestRef]);
export type DataRef = z.infer<typeof DataRef>;

export const GenerateConfig = z.strictObject({
  candidates: z.int().min(1).max(128).default(10), // paper §2.2; RLAIF-V repeats each record 10 times
  temperature: z.number().min(0).max(2).default(0.7), // RLAIF-V script/data_gen: temperature 0.7
  topP: z.number().gt(0).max(1).optional(), // not set by RLAIF-V (rlaifv-spec §1.2)
  maxTokens: z.int().min(1).default(512), // RLAIF-V script/data_gen: max_new_tokens 512
});

export const DivideConfig = z.strictObject({
  /** `two_calls` is the paper's way; `one_call` asks for claims and questions together. */
  mode: z.enum(["two_calls", "one_call"]).default("two_calls"),
  /** Longer answers are divided in windows of whole sentences. RLAIF-V keeps about 236 words and drops the rest (rlaifv-spec §1.3). */
  windowWords: z.int().min(20).default(200), // our choice, inside what 8B models divide reliably
  maxTokens: z.int().min(16).default(1024), // RLAIF-V: 256, which cuts long lists
  temperature: z.number().min(0).max(2).default(0), // RLAIF-V: 0.2; ours is greedy so that a rerun gives the same claims
});

export const ScoreConfig = z.strictObject({
  mode: z.enum(["parity", "strict"]).default("strict"),
  /** strict: |p_yes − p_no| / (p_yes + p_no) below this abstains. */
  margin: z.number().min(0).max(1).default(0.1), // our choice: a second pass of the same labeler may differ by a few hundredths
  /** strict: p_yes + p_no below this abstains. */
  minMass: z.number().min(0).max(1).default(0.5), // our choice
  /** strict: share of the labelers that voted which must agree; 1 = unanimous. */
  consensus: z.number().gt(0.5).max(1).default(1), // SENTINEL's ablation: two verifiers that agree beat one
});

export const PairConfig = z.strictObject({
  mode: z.enum(["parity", "strict"]).default("strict"),
  minScoreGap: z.int().min(1).default(1), // RLAIF-V: diff = 1
  /** Most pairs kept for one sample; null keeps all. */
  perSample: z.int().min(1).nullable().default(2), // RLAIF-V: sample_num = 2
  /** Drop pairs whose chosen answer is much shorter until mean lengths match (rlaifv-spec §1.8). */
  balance: z.boolean().default(true),
  /** strict: the balance keeps at least this share of the pairs. */
  minRetained: z.number().min(0).max(1).default(0.5), // our choice: rlaifv-spec §6 13b
  /** strict: the chosen answer has as many claims as the rejected one, or up to this many more, so that brevity cannot win; null switches it off. */
  claimSurplus: z.int().min(0).nullable().default(null),
  /** strict: the chosen answer has no rejected claim at all; otherwise it only has fewer than the rejected one. */
  cleanChosen: z.boolean().default(false),
  /** strict: an answer stands in at most one pair. */
  disjoint: z.boolean().default(false),
  /** strict: the running sum of (chosen − rejected) words never falls below minus this; null switches it off. */
  runningWordDebt: z.int().min(0).nullable().default(null),
  /** strict: chosen answers are this many words longer on average (±4 in the running sum); null switches it off. */
  meanWordSurplus: z.number().nullable().default(null),
});

export const TrainConfig = z.strictObject({
  trainer: z.enum(["embedded", "modal"]),
  /** `modal`: all weights, or a LoRA adapter. */
  method: z.enum(["full", "lora"]).optional(),
  /** Of the `modal` trainer; left out: eight H100 for up to 24 h. */
  gpu: GpuConfig.optional(),
  beta: z.number().positive().default(0.1), // RLAIF-V: --dpo_beta 0.1
  learningRate: z.number().positive().default(5e-7), // RLAIF-V, full tuning
  epochs: z.number().positive().default(4), // RLAIF-V: 4 epochs
  batchPairs: z.int().min(1).default(8), // RLAIF-V: 1 × 1 × 8 GPUs
  /** Weight of the preference loss; 0 only imitates the chosen answers. */
  dpoWeight: z.number().min(0).default(1), // RLAIF-V: DPO_weight 1.0
  /** Weight of the mean per-token negative log-likelihood of the chosen answer; 0 is plain DPO. */
  sftWeight: z.number().min(0).default(0), // RLAIF-V: SFT_weight 0.0
  warmupShare: z.number().min(0).max(1).default(0.05), // RLAIF-V: warm-up 5 %
  checkpointsPerEpoch: z.int().min(1).default(4), // RLAIF-V: every quarter epoch
});
export type TrainConfig = z.infer<typeof TrainConfig>;

/** Benchmarks that need no judge (docs/evaluation.md). */
export const RunBenchName = z.enum(["scenes", "object-halbench", "amber"]);
export type RunBenchName = z.infer<typeof RunBenchName>;

export const EvaluateConfig = z
  .strictObject({
    bench: RunBenchName,
    /** Folder of COCO 2014's annotations, the truth of `object-halbench`; left out, the rows tell it themselves as `objects`. */
    coco: z.string().min(1).optional(),
    /** AMBER's folder `data`, the truth of `amber`, whose pictures are known by AMBER's names. */
    amber: z.string().min(1).optional(),
    /** The split whose figures are reported. */
    data: DataRef,
    /** The split that chooses the checkpoint; apart from the reported one. Without it the last checkpoint is promoted. */
    selection: DataRef.optional(),
    /** How many of a round's checkpoints, evenly spread, are compared on the selection split. */
    checkpoints: z.int().min(1).default(2), // our choice
    /** Sampled answers per image. */
    candidates: z.int().min(1).default(3), // our choice
    /** Best-of-N by claim score, for the base and the final model; 1 switches it off. */
    bestOf: z.int().min(1).default(8), // our choice
    /** After the last round: the base fine-tuned on all rounds' chosen answers alone, once through, evaluated beside the aligned model. It has
     * fewer steps than the rounds together, and its data come from the aligned policies: a yardstick, not a matched ablation. */
    sftControl: z.boolean().default(false),
    confidence: z.number().gt(0).lt(1).default(0.95),
    bootstrapResamples: z.int().min(100).default(1000),
    /** What a round's figures have to be, e.g. `recall >= 0.9 and words > 20` (docs/evaluation.md). A checkpoint that fails it on the selection split is not
     * promoted; on the reported split it is told. */
    gate: z.string().optional(),
    /** The run ends, as finished, after a round whose reported figures fail the gate. */
    stopAtGate: z.boolean().optional(),
  })
  .refine(({ bench, coco }) => coco === undefined || bench === "object-halbench", {
    path: ["coco"],
    error: "coco is of the bench object-halbench; leave it out, or choose that bench",
  })
  .refine(({ bench, amber }) => (amber === undefined) === (bench !== "amber"), {
    path: ["amber"],
    error: 'bench "amber" needs amber, the path of AMBER\'s folder "data", and no other bench takes it',
  })
  .superRefine(({ bench, gate }, context) => {
    const fault = gate === undefined ? undefined : runGateFault(gate, bench);
    if (fault !== undefined) context.addIssue({ code: "custom", path: ["gate"], message: fault });
  })
  .refine(({ gate, stopAtGate }) => stopAtGate !== true || gate !== undefined, {
    path: ["stopAtGate"],
    error: 'stopAtGate needs a gate, e.g. "recall >= 0.9"',
  });
export type EvaluateConfig = z.infer<typeof EvaluateConfig>;

export const RunConfig = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "lower-case letters, digits and dashes, at most 40")
      .default("run"),
    seed: z.int().min(0).default(1),
    rounds: z.int().min(1).max(50).default(1), // the paper runs 4; 50 fit into one execution (test/loop.test.ts)
    data: DataRef,
    /** `split`: each round has samples of its own, as in RLAIF-V; `all`: every round uses all. */
    roundData: z.enum(["split", "all"]).default("split"),
    policy: ModelRef,
    divider: ModelRef,
    questioner: ModelRef,
    labelers: z.array(ModelRef).min(1),
    generate: GenerateConfig.prefault({}),
    divide: DivideConfig.prefault({}),
    score: ScoreConfig.prefault({}),
    pair: PairConfig.prefault({}),
    /** Left out: the run ends with the dataset of round 1. */
    train: TrainConfig.optional(),
    evaluate: EvaluateConfig.optional(),
    budgetUsd: z.number().positive().default(10), // our choice: small enough to be a surprise to nobody
    shardSamples: z.int().min(1).max(1000).default(40), // our choice for one machine; the cloud plans 1,000
    maxConcurrentShards: z.int().min(1).max(1000).default(4),
    /** A stage fails when more than this share of its shards failed. */
    toleratedFailurePercent: z.number().min(0).max(100).default(5),
  })
  .refine(({ policy, train }) => train?.trainer !== "modal" || policy.engine === "modal", {
    path: ["train", "trainer"],
    error: 'the trainer "modal" trains a policy with engine "modal"; choose that engine, or leave "train" out',
  });
export type RunConfig = z.infer<typeof RunConfig>;
/** What a user writes: defaults left out. */
export type RunConfigInput = z.input<typeof RunConfig>;
