/** What a key has used today. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { MICROS_PER_USD } from "../../shared/budget/prices.ts";
import type { ApiEnv } from "./access.ts";
import type { Window } from "./admission/admission.ts";
import { getUsage } from "./contract/service.ts";
import type { ApiDeps } from "./deps.ts";
import { refuseInvalid } from "./refusals.ts";

export const usageRoutes = ({ admission }: Pick<ApiDeps, "admission">) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid }).openapi(getUsage, async (context) => {
    const principal = context.get("principal");
    const today = await admission.usage(principal);
    const usage = {
      principal: principal.id,
      kind: principal.kind,
      scopes: [...principal.scopes],
      day: today.day,
      usd: inUnits(today.usdMicros, MICROS_PER_USD),
      tokens: inUnits(today.tokens, 1),
      requests_this_minute: inUnits(today.requestsThisMinute, 1),
      concurrent_requests: inUnits(today.concurrentRequests, 1),
    };
    return context.json(usage, 200);
  });

function inUnits({ used, reserved, limit }: Window, unit: number) {
  return { used: used / unit, reserved: reserved / unit, limit: limit === undefined ? null : limit / unit };
}
