/** The report of a run, as far as it has come. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { ApiEnv } from "./access.ts";
import { getReport } from "./contract/run-outputs.ts";
import type { ApiDeps } from "./deps.ts";
import { runOf } from "./passes.ts";
import { refuseInvalid } from "./refusals.ts";

export const reportRoutes = (deps: Pick<ApiDeps, "store" | "report" | "reportHtml">) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid }).openapi(getReport, async (context) => {
    const run = await runOf(context.req.valid("param").id, deps);
    if (context.req.valid("query").format === "html") return context.html(await deps.reportHtml(run), 200);
    return context.json(await deps.report(run), 200);
  });
