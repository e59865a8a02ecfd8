/** Who asks, and what they may do. */
import type { Context, MiddlewareHandler } from "hono";
import type { Scope } from "../../shared/schemas/service.ts";
import type { Principal } from "./admission/admission.ts";
import { ProblemError } from "./problem.ts";

/** What every handler finds in its context. */
export type ApiEnv = { Variables: { principal: Principal; requestId: string } };

/** Lets in who has one of the scopes; `admin` has them all. */
export function requires(...scopes: readonly [Scope, ...Scope[]]): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    refuseWithout(context.get("principal"), scopes);
    await next();
  };
}

/** Refuses with 401 or 403 who has none of the scopes. */
export function refuseWithout(
  { kind, scopes: held }: Pick<Principal, "kind" | "scopes">,
  scopes: readonly Scope[],
): void {
  if (held.includes("admin") || scopes.some((scope) => held.includes(scope))) return;
  const wanted = scopes.map((scope) => `"${scope}"`).join(" or ");
  if (kind === "anonymous") {
    throw new ProblemError({
      status: 401,
      code: "key.missing",
      field: "header.Authorization",
      detail: "This needs an API key.",
      fix: `Send "Authorization: Bearer rlk_…" with a key of scope ${wanted}; "rlaifv keys create" makes one.`,
      headers: { "www-authenticate": "Bearer" },
    });
  }
  throw new ProblemError({
    status: 403,
    code: "key.scope",
    field: "header.Authorization",
    detail: `This key may not do that: it has the scopes ${held.join(", ")}.`,
    fix: `Use a key of scope ${wanted}.`,
  });
}

/** Tells who asks from a request, or throws a ProblemError 401. */
export type Identify = (context: Context<ApiEnv>) => Promise<Principal>;
