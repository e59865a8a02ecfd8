/** Evaluations: begun, listed, told, cancelled. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { MICROS_PER_USD } from "../../shared/budget/prices.ts";
import { EvaluationResult } from "../../shared/schemas/evaluation.ts";
import type { EvaluationRow } from "../../shared/schemas/evaluation-job.ts";
import type { ApiEnv } from "./access.ts";
import {
  cancelEvaluation,
  createEvaluation,
  type EvaluationView,
  evaluationReport,
  getEvaluation,
  listEvaluations,
} from "./contract/evals.ts";
import type { ApiDeps, EvaluationControl } from "./deps.ts";
import { readEvaluationBody } from "./eval-body.ts";
import { badCursor } from "./passes.ts";
import { ProblemError } from "./problem.ts";
import { PROBLEM_CODES, type ProblemCode } from "./problem-codes.ts";
import { notFound, refusal, refuseInvalid } from "./refusals.ts";

export const evaluationRoutes = (deps: Pick<ApiDeps, "evals">) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
    .openapi(createEvaluation, async (context) => {
      const evals = controlOf(deps);
      const request = await readEvaluationBody(context, context.req.valid("json"));
      const created = await evals.create(request, context.get("principal"));
      if (created.outcome === "refused") throw refusal(created);
      return context.json(await viewOf(created.evaluation, evals), created.outcome === "created" ? 201 : 200);
    })
    .openapi(listEvaluations, async (context) => {
      const { limit, cursor } = context.req.valid("query");
      const evals = controlOf(deps);
      const { rows, next } = pageOf(await evals.list(), limit, cursor);
      const items = await Promise.all(rows.map((row) => viewOf(row, evals)));
      return context.json({ items, next_cursor: next }, 200);
    })
    .openapi(getEvaluation, async (context) => {
      const evals = controlOf(deps);
      const row = await rowOf(context.req.valid("param").id, evals);
      const text = row.state === "finished" ? await evals.result(row.evaluationId) : undefined;
      const result = text === undefined ? null : shownOf(EvaluationResult.parse(JSON.parse(text)));
      return context.json({ ...(await viewOf(row, evals)), result }, 200);
    })
    .openapi(evaluationReport, async (context) => {
      const evals = controlOf(deps);
      const { evaluationId, state } = await rowOf(context.req.valid("param").id, evals);
      const isPage = context.req.valid("query").format === "html";
      const text = state === "finished" ? await evals[isPage ? "page" : "result"](evaluationId) : undefined;
      if (text === undefined) throw problem("eval.state", `The evaluation is ${state}: it has no report yet.`);
      if (isPage) return context.html(text, 200);
      return context.json(EvaluationResult.parse(JSON.parse(text)), 200);
    })
    .openapi(cancelEvaluation, async (context) => {
      const evals = controlOf(deps);
      const { evaluationId } = await rowOf(context.req.valid("param").id, evals);
      const { outcome, evaluation } = await evals.cancel(evaluationId);
      if (outcome === "not_possible") throw problem("eval.state", `The evaluation is ${evaluation.state} already.`);
      return context.json(await viewOf(evaluation, evals), 200);
    });

function controlOf({ evals }: Pick<ApiDeps, "evals">): EvaluationControl {
  if (evals === undefined) throw problem("eval.not_here", PROBLEM_CODES["eval.not_here"].meaning);
  return evals;
}

function problem(code: ProblemCode, detail: string): ProblemError {
  const { status, fix } = PROBLEM_CODES[code];
  return new ProblemError({ status, code, detail, fix });
}

async function rowOf(id: string, evals: EvaluationControl): Promise<EvaluationRow> {
  const row = await evals.get(id);
  if (row === undefined) throw notFound("eval.not_found", { field: "path.id", value: id, what: `evaluation "${id}"` });
  return row;
}

/** The cursor is the id of the last one that was given. */
function pageOf(rows: readonly EvaluationRow[], limit: number, cursor: string | undefined) {
  const last = cursor === undefined ? -1 : rows.findIndex(({ evaluationId }) => evaluationId === cursor);
  if (cursor !== undefined && last < 0) throw badCursor(cursor);
  const page = rows.slice(last + 1, last + 1 + limit);
  return { rows: page, next: last + 1 + limit < rows.length ? (page.at(-1)?.evaluationId ?? null) : null };
}

const shownOf = ({ figures, missing, judge, notes }: EvaluationResult) => ({ figures, missing, judge, notes });

async function viewOf(row: EvaluationRow, evals: EvaluationControl): Promise<EvaluationView> {
  const { progress, settledUsdMicros, reservedUsdMicros } = await evals.facts(row);
  return {
    id: row.evaluationId,
    bench: row.bench,
    subject: row.subject ?? null,
    state: row.state,
    reason: row.reason ?? null,
    created_at: new Date(row.createdAt).toISOString(),
    updated_at: new Date(row.updatedAt).toISOString(),
    items: row.items,
    budget: {
      usd: row.budgetUsdMicros / MICROS_PER_USD,
      settled_usd: settledUsdMicros / MICROS_PER_USD,
      reserved_usd: reservedUsdMicros / MICROS_PER_USD,
    },
    progress: progress ?? null,
    gate: row.gate ?? null,
  };
}
