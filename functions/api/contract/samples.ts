import { createRoute, z } from "@hono/zod-openapi";
import { Pair } from "../../../shared/schemas/pair.ts";
import { PassId, SampleState } from "../../../shared/schemas/rows.ts";
import { Verdict } from "../../../shared/schemas/sample.ts";
import { requires } from "../access.ts";
import { json, PageQuery, PROBLEMS, pageOf, RunParams } from "./common.ts";

export const SampleItem = z
  .object({
    id: z.string(),
    pass_id: PassId,
    state: SampleState,
    reason: z.string().nullable(),
    image: z.object({ sha256: z.string(), url: z.string(), width: z.int(), height: z.int() }),
    question: z.string(),
    candidates: z.int(),
    claims: z.object({ accepted: z.int(), rejected: z.int(), abstained: z.int() }),
  })
  .openapi("SampleItem");
export type SampleItem = z.infer<typeof SampleItem>;

/** A claim as chat and score tell it, too. p_yes and p_no are the mean over the labelers that answered, null where none did. */
export const ClaimView = z
  .object({
    text: z.string(),
    question: z.string().nullable(),
    p_yes: z.number().nullable(),
    p_no: z.number().nullable(),
    /** Each labeler's, in the order of the config. */
    labels: z.array(z.object({ p_yes: z.number(), p_no: z.number() }).nullable()),
    verdict: Verdict.nullable(),
    repeated: z.boolean(),
  })
  .openapi("Claim");
export type ClaimView = z.infer<typeof ClaimView>;

export const CandidateView = z.object({
  id: z.string(),
  index: z.int(),
  text: z.string(),
  finish_reason: z.string(),
  /** −(rejected claims); null before it is scored and where the claim list cannot be trusted. */
  score: z.int().nullable(),
  unusable: z.string().nullable(),
  claims: z.array(ClaimView),
});
export type CandidateView = z.infer<typeof CandidateView>;

export const SampleView = SampleItem.extend({
  reference: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()),
  attempt: z.int(),
  answers: z.array(CandidateView),
  pairs: z.array(z.object({ pair_id: z.string(), chosen: z.string(), rejected: z.string(), why: z.string() })),
  /** In one sentence: why these pairs were made, or why none was. */
  why: z.string(),
}).openapi("Sample");
export type SampleView = z.infer<typeof SampleView>;

const PassQuery = z.object({
  /** Default: the newest training pass. */
  pass: PassId.optional(),
});

export const listSamples = createRoute({
  method: "get",
  path: "/v1/runs/{id}/samples",
  tags: ["samples"],
  summary: "Samples of a pass, by state and verdict",
  description: "`verdict` reads the samples' content and may give short pages: go on while `next_cursor` is not null.",
  middleware: [requires("runs:read")] as const,
  request: {
    params: RunParams,
    query: PageQuery.extend({ ...PassQuery.shape, state: SampleState.optional(), verdict: Verdict.optional() }),
  },
  responses: { 200: json(pageOf(SampleItem), "A page, ordered by id"), ...PROBLEMS },
});

export const getSample = createRoute({
  method: "get",
  path: "/v1/runs/{id}/samples/{sampleId}",
  tags: ["samples"],
  summary: "One sample: image, answers, claims, questions, p_yes and p_no, verdicts, score, pairs and why",
  middleware: [requires("runs:read")] as const,
  request: { params: RunParams.extend({ sampleId: z.string() }), query: PassQuery },
  responses: { 200: json(SampleView, "The sample"), ...PROBLEMS },
});

export const listPairs = createRoute({
  method: "get",
  path: "/v1/runs/{id}/pairs",
  tags: ["samples"],
  summary: "The pairs of a round, as they stand in the dataset",
  middleware: [requires("runs:read")] as const,
  request: { params: RunParams, query: PageQuery.extend({ round: z.coerce.number().int().min(1).optional() }) },
  responses: { 200: json(pageOf(Pair).extend({ round: z.int(), total: z.int() }), "A page"), ...PROBLEMS },
});
