/** Evaluations as a service does them. */
import { createRoute, z } from "@hono/zod-openapi";
import { BenchName, EvaluationAnswer, EvaluationMode, EvaluationResult } from "../../../shared/schemas/evaluation.ts";
import { EvaluationState } from "../../../shared/schemas/evaluation-job.ts";
import { requires } from "../access.ts";
import { IdempotencyHeader, json, PageQuery, PROBLEMS, pageOf, Time, Usd } from "./common.ts";

export const CreateEvaluationBody = z
  .strictObject({
    bench: BenchName,
    /** Rows of `scenes`, or of `object-halbench` with `objects`; left out, the bench's own items are taken. */
    items: z.strictObject({ manifest_id: z.string() }).optional(),
    /** Stored answers; `text: null` is a missing one. Many of them: send NDJSON. */
    answers: z.array(EvaluationAnswer).min(1).optional(),
    /** A model of `GET /v1/models`. */
    model: z.string().min(1).optional(),
    /** What a run's round promoted; 0 is its base model. */
    run: z.strictObject({ id: z.string().min(1), round: z.int().min(0) }).optional(),
    /** A model that the operator's configs name. */
    judge: z
      .strictObject({
        model: z.string().min(1),
        repetitions: z.int().min(1).max(20).default(3),
        temperature: z.number().min(0).max(2).default(0),
      })
      .optional(),
    mode: EvaluationMode.default("strict"),
    gate: z.string().min(1).optional(),
    /** Counts against the key's day until the evaluation ends. */
    budget_usd: z.number().positive().default(1),
    seed: z.int().min(0).default(1),
    count: z.int().min(1).max(10_000).default(120),
  })
  .openapi("CreateEvaluation");
export type CreateEvaluationBody = z.infer<typeof CreateEvaluationBody>;

const GateView = z.object({
  outcome: z.enum(["passed", "failed", "invalid"]),
  checks: z.array(z.object({ text: z.string(), value: z.number().nullable(), holds: z.boolean() })),
});

export const EvaluationView = z
  .object({
    id: z.string(),
    bench: BenchName,
    /** Who answered: one of the three; `answers` is the number of those that were sent. Null: an earlier version began it. */
    subject: z
      .object({
        run: z.object({ id: z.string(), round: z.int() }).nullable(),
        model: z.string().nullable(),
        answers: z.int().nullable(),
      })
      .nullable(),
    state: EvaluationState,
    /** Why it is paused, stopped or failed. */
    reason: z.string().nullable(),
    created_at: Time,
    updated_at: Time,
    items: z.int(),
    budget: z.object({ usd: Usd, settled_usd: Usd, reserved_usd: Usd }),
    /** Of the requests that are asked just now; null when nothing is asked. */
    progress: z.object({ done: z.int(), total: z.int(), what: z.string() }).nullable(),
    /** Null without a gate, and until the figures are there. */
    gate: GateView.nullable(),
  })
  .openapi("Evaluation");
export type EvaluationView = z.infer<typeof EvaluationView>;

const { figures, missing, judge, notes } = EvaluationResult.shape;
export const EvaluationDetail = EvaluationView.extend({
  /** Null until it is finished; the report has groups, spread and more. */
  result: z.object({ figures, missing, judge, notes }).nullable(),
}).openapi("EvaluationDetail");
export type EvaluationDetail = z.infer<typeof EvaluationDetail>;

const Params = z.object({
  id: z.string().openapi({ param: { name: "id", in: "path" }, example: "evl_0123456789abcdef" }),
});
const TAG = { tags: ["evaluations"] };
const EXAMPLE = {
  bench: "scenes" as const,
  model: "embedded/policy",
  gate: "response_hallucination < 40% and recall.ci.low >= 0.8",
};

export const createEvaluation = createRoute({
  ...TAG,
  method: "post",
  path: "/v1/evals",
  summary: "Measure stored answers, a served model or a run's round on a benchmark",
  middleware: [requires("runs:write")] as const,
  request: {
    headers: IdempotencyHeader,
    body: {
      content: {
        "application/json": { schema: CreateEvaluationBody, example: EXAMPLE },
        "application/x-ndjson": { schema: z.string() },
      },
      description:
        "As `application/x-ndjson`: the first line is the body without `answers`, every other line one answer. The same request again is the same evaluation: one that was cancelled, failed, or paused by a lower budget goes on.",
      required: false as const, // the handler refuses an empty body: what is no JSON shall not be checked as JSON
    },
  },
  responses: {
    200: json(EvaluationView, "It was there before"),
    201: json(EvaluationView, "It is queued"),
    ...PROBLEMS,
  },
});

export const listEvaluations = createRoute({
  ...TAG,
  method: "get",
  path: "/v1/evals",
  summary: "All evaluations, newest first",
  middleware: [requires("runs:read")] as const,
  request: { query: PageQuery },
  responses: { 200: json(pageOf(EvaluationView), "A page"), ...PROBLEMS },
});

export const getEvaluation = createRoute({
  ...TAG,
  method: "get",
  path: "/v1/evals/{id}",
  summary: "One evaluation: how far it is, and its figures",
  middleware: [requires("runs:read")] as const,
  request: { params: Params },
  responses: { 200: json(EvaluationDetail, "The evaluation"), ...PROBLEMS },
});

export const evaluationReport = createRoute({
  ...TAG,
  method: "get",
  path: "/v1/evals/{id}/report",
  summary: "The result of a finished evaluation: result.json, or the page",
  middleware: [requires("runs:read")] as const,
  request: { params: Params, query: z.object({ format: z.enum(["json", "html"]).default("json") }) },
  responses: {
    200: {
      description: "result.json or report.html",
      content: { "application/json": { schema: EvaluationResult }, "text/html": { schema: z.string() } },
    },
    ...PROBLEMS,
  },
});

export const cancelEvaluation = createRoute({
  ...TAG,
  method: "post",
  path: "/v1/evals/{id}/cancel",
  summary: "Stop it; replies so far are kept, and money not spent goes back",
  middleware: [requires("runs:write")] as const,
  request: { params: Params, headers: IdempotencyHeader },
  responses: { 200: json(EvaluationView, "It is stopped"), ...PROBLEMS },
});
