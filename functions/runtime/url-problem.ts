import { ProblemError } from "../api/problem.ts";
import { WebError } from "../intake/web-error.ts";

/** An address that may not be called is the caller's to mend; anything else is thrown on. */
export function asUrlProblem(error: unknown): never {
  if (!(error instanceof WebError)) throw error;
  const { code, value, reason, fix } = error;
  throw new ProblemError({
    status: 422,
    code,
    field: "url",
    value,
    detail: `The URL cannot be called: ${reason}.`,
    fix,
  });
}
