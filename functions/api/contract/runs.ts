import { createRoute, z } from "@hono/zod-openapi";
import { RunConfig } from "../../../shared/schemas/config.ts";
import { BadRowRecord, PlannedModel } from "../../../shared/schemas/plan.ts";
import { PassId, RunState, SampleState, StageName } from "../../../shared/schemas/rows.ts";
import { requires } from "../access.ts";
import { IdempotencyHeader, json, PageQuery, PROBLEMS, pageOf, RunParams, Time, Usd } from "./common.ts";

export const RunView = z
  .object({
    id: z.string(),
    name: z.string(),
    state: RunState,
    /** Why it is paused, stopped or failed, and what to do. */
    reason: z.string().nullable(),
    /** 0 before the first. */
    round: z.int(),
    rounds: z.int(),
    samples: z.object({ data: z.int(), selection: z.int(), evaluation: z.int() }),
    created_at: Time,
    updated_at: Time,
    /** Of work, over all starts and resumes. */
    seconds: z.number(),
    budget: z.object({ usd: Usd, settled_usd: Usd, reserved_usd: Usd }),
    /** Under which name the promoted checkpoint is served by /v1/chat/completions; null while it is the base model. */
    served_as: z.string().nullable(),
    /** Samples a second over the last minutes of work; null when nothing is running. */
    samples_per_second: z.number().nullable(),
  })
  .openapi("Run");
export type RunView = z.infer<typeof RunView>;

/** One stage of one pass, added up over its shards. */
export const StageView = z.object({
  pass_id: PassId,
  stage: StageName,
  shards: z.int(),
  shards_done: z.int(),
  shards_failed: z.int(),
  /** Samples of the shards that are done. */
  samples_done: z.int(),
  samples: z.int(),
  parked: z.int(),
  requests: z.int(),
  cached_replies: z.int(),
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  cached_tokens: z.int(),
  usd: Usd,
  seconds: z.number(),
  losses: z.record(z.string(), z.int()),
});
export type StageView = z.infer<typeof StageView>;

export const PassView = z.object({
  pass_id: PassId,
  /** How many samples stand in each state. */
  states: z.record(SampleState, z.int()),
  /** Parked samples by reason. */
  parked: z.record(z.string(), z.int()),
});
export type PassView = z.infer<typeof PassView>;

export const RunDetail = RunView.extend({
  config: RunConfig,
  models: z.array(PlannedModel),
  warnings: z.array(z.string()),
  bad_rows: z.object({ count: z.int(), first: z.array(BadRowRecord) }),
  estimate_usd: Usd,
  stages: z.array(StageView),
  passes: z.array(PassView),
  /** `seq` of the newest event: where `/events` goes on from. */
  last_event: z.int(),
}).openapi("RunDetail");
export type RunDetail = z.infer<typeof RunDetail>;

/** One question about one image. `image`: the id of an uploaded image, a data URL, or an https URL. */
export const ManifestRowInput = z
  .object({
    image: z.string().min(1),
    question: z.string().min(1).optional(),
    id: z.union([z.string(), z.number()]).optional(),
  })
  .loose()
  .openapi("ManifestRow");

/** A config as in a file; `data` may be left out where the manifest comes with the request. */
const ConfigInput = z.record(z.string(), z.unknown()).openapi("ConfigInput", {
  description:
    "The same config as in a file (`rlaifv init` writes one). `data` may name a manifest; paths are refused.",
});

/** `demo`: the embedded world's own run; nothing else is needed. */
export const DemoInput = z
  .strictObject({
    seed: z.int().min(0).default(1),
    rounds: z.int().min(1).max(50).default(4), // the paper runs 4
    images: z.int().min(1).max(10_000).default(200), // as the command line's demo
  })
  .openapi("Demo");

export const CreateRunBody = z
  .union([
    z.strictObject({ demo: DemoInput }),
    z.strictObject({
      config: ConfigInput,
      /** The question of rows that have none. */
      question: z.string().min(1).optional(),
      /** Inline; for more than a few thousand rows send NDJSON or upload the manifest first. */
      manifest: z.array(ManifestRowInput).min(1).optional(),
      manifest_id: z.string().optional(),
      /** An upload of kind `rows`, in place of `manifest`. */
      upload: z.string().optional(),
      /** Refuse the run when any row is bad. */
      strict: z.boolean().default(false),
      /** Called for this run's events; more in `POST /v1/webhooks`. */
      webhook: z.strictObject({ url: z.url() }).optional(),
    }),
  ])
  .openapi("CreateRun");
export type CreateRunBody = z.infer<typeof CreateRunBody>;

const NDJSON_NOTE =
  "As `application/x-ndjson` (up to 100 MB, streamed): the first line is the body without `manifest`, every other line one row of it. Rows are counted from 1.";

export const CreatedRun = RunDetail.extend({
  /** False when this very run (same config, data, code) was there before. */
  created: z.boolean(),
  /** Shown once: signs this run's webhook. */
  webhook_secret: z.string().optional(),
});

const runBody = (example: z.input<typeof CreateRunBody>) => ({
  content: { "application/json": { schema: CreateRunBody, example }, "application/x-ndjson": { schema: z.string() } },
  description: NDJSON_NOTE,
  required: false as const, // it is needed, but what is no JSON shall not be checked as JSON: the handler refuses an empty body
});

const preset = (role: string) => ({ engine: "embedded", preset: `embedded-${role}` });
const EXAMPLE_CONFIG = {
  name: "first-try",
  policy: preset("policy"),
  divider: preset("divider"),
  questioner: preset("questioner"),
  labelers: [preset("labeler")],
};

export const createRun = createRoute({
  method: "post",
  path: "/v1/runs",
  tags: ["runs"],
  summary: "Start a run",
  middleware: [requires("runs:write")] as const,
  request: { headers: IdempotencyHeader, body: runBody({ demo: { seed: 1 } }) },
  responses: {
    201: json(CreatedRun, "The run, queued or running"),
    200: json(CreatedRun, "It was there before"),
    ...PROBLEMS,
  },
});

/** A value over all samples, with the 95 % interval of the pilot's bootstrap; null where it cannot be told. */
const Extrapolated = z.object({ value: z.number(), ci: z.tuple([z.number(), z.number()]).nullable() });

export const PilotView = z
  .object({
    pilot: z.object({ samples: z.int(), parked: z.int(), seconds: z.number(), usd: Usd }),
    samples: z.int(),
    /** Of the whole run's data stages, and of its evaluation. */
    usd: Extrapolated,
    seconds: Extrapolated,
    pairs: Extrapolated,
    /** Pairs a sample. */
    yield: Extrapolated,
    stages: z.array(z.object({ stage: StageName, requests: z.int(), usd: Usd, seconds: z.number() })),
    /** What the figures leave out, e.g. training. */
    not_included: z.array(z.string()),
    warnings: z.array(z.string()),
    bad_rows: z.object({ count: z.int(), first: z.array(BadRowRecord) }),
  })
  .openapi("Estimate");
export type PilotView = z.infer<typeof PilotView>;

export const estimateRun = createRoute({
  method: "post",
  path: "/v1/runs/estimate",
  tags: ["runs"],
  summary: "Cost, time and yield of a run, from a pilot of 20 samples",
  description: "The pilot's replies are kept: the run itself asks for nothing of it again.",
  middleware: [requires("runs:write")] as const,
  request: {
    headers: IdempotencyHeader,
    body: runBody({ config: EXAMPLE_CONFIG, manifest_id: "man_0123456789abcdef" }),
  },
  responses: { 200: json(PilotView, "The estimate"), ...PROBLEMS },
});

export const listRuns = createRoute({
  method: "get",
  path: "/v1/runs",
  tags: ["runs"],
  summary: "All runs, newest first",
  middleware: [requires("runs:read")] as const,
  request: { query: PageQuery },
  responses: { 200: json(pageOf(RunView), "A page"), ...PROBLEMS },
});

export const getRun = createRoute({
  method: "get",
  path: "/v1/runs/{id}",
  tags: ["runs"],
  summary: "One run with its stages and passes",
  middleware: [requires("runs:read")] as const,
  request: { params: RunParams },
  responses: { 200: json(RunDetail, "The run"), ...PROBLEMS },
});

export const patchRun = createRoute({
  method: "patch",
  path: "/v1/runs/{id}",
  tags: ["runs"],
  summary: "Change the budget; a run that had paused for want of money goes on",
  middleware: [requires("runs:write")] as const,
  request: {
    params: RunParams,
    body: {
      content: { "application/json": { schema: z.strictObject({ budget_usd: z.number().positive() }) } },
      required: true,
    },
  },
  responses: { 200: json(RunDetail, "The run"), ...PROBLEMS },
});

const ACTIONS = {
  pause: "Stop working; everything made so far is kept, money not spent is free again",
  resume: "Go on with a paused, stopped or failed run",
  cancel: "Stop for good measure: as pause, and the rest of the budget goes back to the key",
  "retry-parked": "Try the parked samples of the newest training pass again",
} as const;

const action = <const A extends keyof typeof ACTIONS>(name: A) =>
  createRoute({
    method: "post",
    path: `/v1/runs/{id}/${name}`,
    tags: ["runs"],
    summary: ACTIONS[name],
    middleware: [requires("runs:write")] as const,
    request: { params: RunParams, headers: IdempotencyHeader },
    responses: { 200: json(RunDetail, "The run"), ...PROBLEMS },
  });

export const pauseRun = action("pause");
export const resumeRun = action("resume");
export const cancelRun = action("cancel");
export const retryParked = action("retry-parked");
