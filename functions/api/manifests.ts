/** Manifests that runs can name. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { ApiEnv } from "./access.ts";
import { uploadManifest } from "./contract/service.ts";
import type { ApiDeps } from "./deps.ts";
import { linesOf } from "./ndjson.ts";
import { ProblemError } from "./problem.ts";
import { PROBLEM_CODES } from "./problem-codes.ts";
import { refuseInvalid } from "./refusals.ts";
import { badRows } from "./run-body.ts";

export const manifestRoutes = ({ images }: Pick<ApiDeps, "images">) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid }).openapi(uploadManifest, async (context) => {
    const { body, signal } = context.req.raw;
    if (body === null) throw missingBody();
    const { question } = context.req.valid("query");
    const { row, bad } = await images.manifest(linesOf(body), { question, signal });
    if (row.samples === 0) throw badRows("manifest.empty", bad);
    const view = {
      id: row.manifestId,
      samples: row.samples,
      bad_rows: { count: row.badRows, first: bad },
      created_at: new Date(row.createdAt).toISOString(),
    };
    return context.json(view, 201);
  });

function missingBody(): ProblemError {
  const { status, meaning, fix } = PROBLEM_CODES["body.missing"];
  return new ProblemError({ status, code: "body.missing", field: "body", detail: meaning, fix });
}
