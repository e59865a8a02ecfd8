/** An evaluation that a service does: what was asked for, and how far it is. */
import { z } from "zod";
import { BenchName, EvaluationAnswer, EvaluationMode } from "./evaluation.ts";

/** Exactly one of `answers`, `model` and `run` says who answered, or answers. */
export const EvaluationRequest = z
  .strictObject({
    bench: BenchName,
    /** A manifest whose rows are the items: of `scenes`, or of `object-halbench` with `objects` in every row. */
    items: z.strictObject({ manifest: z.string().regex(/^man_[0-9a-f]{16}$/, "a manifest's id") }).optional(),
    answers: z.array(EvaluationAnswer).min(1).optional(),
    /** A model that the service serves (GET /v1/models). */
    model: z.string().min(1).optional(),
    /** What a run's round promoted; 0 is its base model. */
    run: z.strictObject({ id: z.string().min(1), round: z.int().min(0) }).optional(),
    /** One of the models that the operator's configs name. */
    judge: z
      .strictObject({
        model: z.string().min(1),
        repetitions: z.int().min(1).max(20).default(3), // issue 5: at least 3, averaged with their spread
        temperature: z.number().min(0).max(2).default(0),
      })
      .optional(),
    mode: EvaluationMode.default("strict"),
    /** E.g. `response_hallucination < 12% and recall >= 0.5`. */
    gate: z.string().min(1).optional(),
    /** Most that model and judge may cost. */
    budgetUsd: z.number().positive().default(1), // our choice: a few hundred items at a price of some dollars a million tokens
    /** Of the bootstrap, and of the pictures of scenes. */
    seed: z.int().min(0).default(1),
    /** Pictures of scenes, where no manifest is named. */
    count: z.int().min(1).max(10_000).default(120),
  })
  .refine(({ answers, model, run }) => [answers, model, run].filter((one) => one !== undefined).length === 1, {
    path: ["answers"],
    error: "the answers come from one place: give answers, or model, or run",
  });
export type EvaluationRequest = z.infer<typeof EvaluationRequest>;

/** `paused`: the budget has no room for what is left. `stopped`: cancelled. */
export const EvaluationState = z.enum(["queued", "running", "paused", "stopped", "finished", "failed"]);
export type EvaluationState = z.infer<typeof EvaluationState>;

export const EvaluationRow = z.strictObject({
  evaluationId: z.string().regex(/^evl_[0-9a-f]{16}$/),
  bench: BenchName,
  state: EvaluationState,
  /** Why it is paused, stopped or failed. */
  reason: z.string().optional(),
  createdAt: z.int(),
  updatedAt: z.int(),
  /** Who answered, as it was asked for; `answers`: how many were sent. */
  subject: z
    .strictObject({
      run: EvaluationRequest.shape.run.unwrap().nullable(),
      model: z.string().nullable(),
      answers: z.int().nullable(),
    })
    .optional(),
  budgetUsdMicros: z.int().min(0),
  items: z.int().min(0),
  /** With a gate, once the figures are there. */
  gate: z
    .strictObject({
      outcome: z.enum(["passed", "failed", "invalid"]),
      checks: z.array(z.strictObject({ text: z.string(), value: z.number().nullable(), holds: z.boolean() })),
    })
    .optional(),
});
export type EvaluationRow = z.infer<typeof EvaluationRow>;
