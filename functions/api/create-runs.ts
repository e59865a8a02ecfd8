/** New runs, and what they would cost. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { WebhookEvent } from "../../shared/schemas/service.ts";
import type { ApiEnv } from "./access.ts";
import type { Principal } from "./admission/admission.ts";
import { createRun, estimateRun } from "./contract/runs.ts";
import type { ApiDeps } from "./deps.ts";
import { ProblemError } from "./problem.ts";
import { PROBLEM_CODES } from "./problem-codes.ts";
import { refusal, refuseInvalid } from "./refusals.ts";
import { type RunBody, type RunBodyDeps, readRunBody } from "./run-body.ts";
import { runDetail, type ViewDeps } from "./run-views.ts";
import { pageAt } from "./runs.ts";
import { storeWebhook } from "./webhooks.ts";

type CreateDeps = ViewDeps & RunBodyDeps & Pick<ApiDeps, "runs">;

export const createRoutes = (deps: CreateDeps) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
    .openapi(createRun, async (context) => {
      const body = await readRunBody(context, context.req.valid("json"), deps);
      const owner = context.get("principal");
      const created = body.kind === "demo" ? deps.runs.demo(body.demo, owner) : deps.runs.create(body.config, owner);
      const result = await created;
      if (result.outcome === "refused") throw refusal(result);
      const webhook = await webhookOf(body, { runId: result.run.runId, owner }, deps);
      const isNew = result.outcome === "created";
      const detail = { ...(await runDetail(result.run, deps)), ...badRowsOf(body), created: isNew, ...webhook };
      return context.json(detail, isNew ? 201 : 200);
    })
    .openapi(estimateRun, async (context) => {
      const body = await readRunBody(context, context.req.valid("json"), deps);
      if (body.kind === "demo") throw noDemo();
      const estimate = await deps.runs.estimate(body.config, context.get("principal"), context.req.raw.signal);
      if (estimate.outcome === "refused") throw refusal(estimate);
      const { outcome: _, ...view } = estimate;
      return context.json({ ...view, ...badRowsOf(body) }, 200);
    });

/** Rows that came with the request are told here: the run itself knows only the checked ones. */
function badRowsOf(body: RunBody) {
  return body.kind === "config" && body.badRows !== undefined ? { bad_rows: body.badRows } : {};
}

/** The same request again, for the run that is there already, makes no second webhook: its secret was told the first time. */
async function webhookOf(body: RunBody, run: { runId: string; owner: Principal }, deps: CreateDeps) {
  if (body.kind === "demo" || body.webhookUrl === undefined) return {};
  const { webhookUrl: url } = body;
  if (await hasWebhook({ ...run, url }, deps)) return {};
  const { secret } = await storeWebhook({ url, events: [...WebhookEvent.options], ...run }, deps);
  return { webhook_secret: secret };
}

const PAGE = 500;

async function hasWebhook(
  { runId, owner, url }: { runId: string; owner: Principal; url: string },
  { service }: Pick<CreateDeps, "service">,
): Promise<boolean> {
  let cursor: string | undefined;
  do {
    const page = await service.webhooks.list({ owner: owner.id, ...pageAt(PAGE, cursor) });
    if (page.items.some((webhook) => webhook.runId === runId && webhook.url === url)) return true;
    cursor = page.cursor;
  } while (cursor !== undefined);
  return false;
}

function noDemo(): ProblemError {
  const { status, meaning, fix } = PROBLEM_CODES["estimate.demo"];
  return new ProblemError({ status, code: "estimate.demo", field: "demo", detail: meaning, fix });
}
