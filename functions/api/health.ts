import { OpenAPIHono } from "@hono/zod-openapi";
import type { ApiEnv } from "./access.ts";
import { healthz } from "./contract/service.ts";
import type { ApiDeps } from "./deps.ts";

/** For whoever asks whether the service is up; needs no key and counts against no limit. */
export const healthRoutes = ({ version }: Pick<ApiDeps, "version">) =>
  new OpenAPIHono<ApiEnv>().openapi(healthz, (context) => context.json({ status: "ok" as const, version }, 200));
