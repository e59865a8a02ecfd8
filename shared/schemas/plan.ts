/** What is known of a run before it starts: shown by `--dry-run`, kept beside the run. */
import { z } from "zod";
import { StageName } from "./rows.ts";

export const BadRowRecord = z.object({
  line: z.int(),
  code: z.string(),
  field: z.string(),
  value: z.string(),
  reason: z.string(),
  fix: z.string(),
});

export const PlannedModel = z.strictObject({
  role: z.string(),
  engine: z.string(),
  model: z.string(),
  revision: z.string(),
  logprobs: z.boolean(),
  structuredOutput: z.boolean(),
});

export type PlannedModel = z.infer<typeof PlannedModel>;

export const RunPlan = z.strictObject({
  runId: z.string(),
  rounds: z.int().min(1),
  samples: z.strictObject({ data: z.int(), selection: z.int(), evaluation: z.int() }),
  trains: z.boolean(),
  models: z.array(PlannedModel),
  badRows: z.strictObject({ count: z.int().min(0), first: z.array(BadRowRecord) }),
  estimate: z.strictObject({
    stages: z.array(z.strictObject({ stage: StageName, requests: z.int(), usdMicros: z.int() })),
    usdMicros: z.int(),
    /** Where something runs on Modal: busy container seconds, and seconds from start to end without queues and evaluation. */
    gpu: z.strictObject({ containerSeconds: z.number(), trainSeconds: z.number(), wallSeconds: z.number() }).optional(),
  }),
  warnings: z.array(z.string()),
  codeVersion: z.string(),
  manifestDigest: z.string(),
});
export type RunPlan = z.infer<typeof RunPlan>;
