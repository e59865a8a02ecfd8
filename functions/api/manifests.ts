/** Manifests that runs can name. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ApiEnv } from "./access.ts";
import { uploadManifest } from "./contract/service.ts";
import type { ApiDeps } from "./deps.ts";
import { linesOf } from "./ndjson.ts";
import { ProblemError } from "./problem.ts";
import { PROBLEM_CODES } from "./problem-codes.ts";
import { refuseInvalid } from "./refusals.ts";
import { badRows } from "./run-body.ts";
import { type UploadDeps, uploadedStream } from "./uploads/uploads.ts";

export const manifestRoutes = (deps: Pick<ApiDeps, "images"> & UploadDeps) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid }).openapi(uploadManifest, async (context) => {
    const { question } = context.req.valid("query");
    const rows = linesOf(await sentRows(context, context.req.valid("json"), deps));
    const { row, bad } = await deps.images.manifest(rows, { question, signal: context.req.raw.signal });
    if (row.samples === 0) throw badRows("manifest.empty", bad);
    const view = {
      id: row.manifestId,
      samples: row.samples,
      bad_rows: { count: row.badRows, first: bad },
      created_at: new Date(row.createdAt).toISOString(),
    };
    return context.json(view, 201);
  });

async function sentRows(context: Context<ApiEnv>, json: string | { upload?: string }, deps: UploadDeps) {
  const { body } = context.req.raw;
  if (typeof json !== "string" && json.upload !== undefined)
    return uploadedStream({ id: json.upload, kind: "rows", owner: context.get("principal").id }, deps);
  if (body === null) throw missingBody();
  return body;
}

function missingBody(): ProblemError {
  const { status, meaning, fix } = PROBLEM_CODES["body.missing"];
  return new ProblemError({ status, code: "body.missing", field: "body", detail: meaning, fix });
}
