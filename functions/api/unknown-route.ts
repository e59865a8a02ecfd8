/** Paths that are not there, and methods that a path does not have. */
import type { Context, Hono } from "hono";
import type { ApiEnv } from "./access.ts";
import { problemResponse } from "./problem.ts";
import { PROBLEM_CODES } from "./problem-codes.ts";

/** @param app with all its routes; looked at when the first unknown path comes */
export function unknownRoute(app: Pick<Hono<ApiEnv>, "routes">): (context: Context<ApiEnv>) => Response {
  let known: { method: string; pattern: RegExp }[] | undefined;
  return ({ req }) => {
    known ??= app.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => ({ method, pattern: patternOf(path) }));
    const methods = new Set(known.filter(({ pattern }) => pattern.test(req.path)).map(({ method }) => method));
    if (methods.size > 0) return wrongMethod(req, methods);
    const { fix } = PROBLEM_CODES["route.unknown"];
    return problemResponse({
      status: 404,
      code: "route.unknown",
      field: "path",
      value: req.path,
      detail: `There is nothing at ${req.path}.`,
      fix,
    });
  };
}

function wrongMethod({ method, path }: { method: string; path: string }, methods: Set<string>): Response {
  const allowed = [...methods, ...(methods.has("GET") ? ["HEAD"] : [])].sort().join(", ");
  return problemResponse({
    status: 405,
    code: "route.method",
    field: "method",
    value: method,
    detail: `${path} takes no ${method}.`,
    fix: `Use ${allowed}.`,
    headers: { allow: allowed },
  });
}

/** `/v1/runs/:id` and `/files/*` as expressions. */
function patternOf(path: string): RegExp {
  const parts = path.split("/").map((part) => {
    if (part === "*") return ".*";
    return part.startsWith(":") ? "[^/]+" : part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("/")}$`);
}
