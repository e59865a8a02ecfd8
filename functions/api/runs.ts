/** Runs: listed, told, stopped, and made to go on. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { RunRow } from "../../shared/schemas/rows.ts";
import type { ApiEnv } from "./access.ts";
import {
  cancelRun,
  getRun,
  listRuns,
  patchRun,
  pauseRun,
  type RunDetail,
  resumeRun,
  retryParked,
} from "./contract/runs.ts";
import type { ApiDeps, Moved, Refused } from "./deps.ts";
import { runOf, withCursor } from "./passes.ts";
import { ProblemError } from "./problem.ts";
import { PROBLEM_CODES } from "./problem-codes.ts";
import { refusal, refuseInvalid } from "./refusals.ts";
import { runDetail, runViews, type ViewDeps } from "./run-views.ts";

export const runRoutes = (deps: ViewDeps & Pick<ApiDeps, "runs">) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
    .openapi(listRuns, async (context) => {
      const { limit, cursor } = context.req.valid("query");
      const page = await withCursor(cursor, () => deps.store.runs.list(pageAt(limit, cursor)));
      return context.json({ items: await runViews(page.items, deps), next_cursor: page.cursor ?? null }, 200);
    })
    .openapi(getRun, async (context) => {
      const run = await runOf(context.req.valid("param").id, deps);
      return context.json(await runDetail(run, deps), 200);
    })
    .openapi(patchRun, async (context) => {
      const { runId } = await runOf(context.req.valid("param").id, deps);
      const { budget_usd } = context.req.valid("json");
      const moved = await deps.runs.setBudget(runId, budget_usd, context.get("principal"));
      return context.json(await detailAfter(moved, deps), 200);
    })
    .openapi(pauseRun, async (context) => {
      const { runId } = await runOf(context.req.valid("param").id, deps);
      return context.json(await detailAfter(await deps.runs.pause(runId), deps), 200);
    })
    .openapi(resumeRun, async (context) => {
      const { runId } = await runOf(context.req.valid("param").id, deps);
      return context.json(await detailAfter(await deps.runs.resume(runId), deps), 200);
    })
    .openapi(cancelRun, async (context) => {
      const { runId } = await runOf(context.req.valid("param").id, deps);
      return context.json(await detailAfter(await deps.runs.cancel(runId), deps), 200);
    })
    .openapi(retryParked, async (context) => {
      const { runId } = await runOf(context.req.valid("param").id, deps);
      return context.json(await detailAfter(await deps.runs.retryParked(runId), deps), 200);
    });

/** A page's filter as the stores take it. */
export const pageAt = (limit: number, cursor: string | undefined) => ({
  limit,
  ...(cursor === undefined ? {} : { cursor }),
});

async function detailAfter(moved: Moved | Refused, deps: ViewDeps): Promise<RunDetail> {
  return runDetail(movedRun(moved), deps);
}

function movedRun(moved: Moved | Refused): RunRow {
  if (moved.outcome === "refused") throw refusal(moved);
  if (moved.outcome !== "not_possible") return moved.run;
  const { status, fix } = PROBLEM_CODES["run.state"];
  throw new ProblemError({
    status,
    code: "run.state",
    field: "path.id",
    detail: `${moved.reason}.`.replace(/\.\.$/, "."),
    fix,
  });
}
