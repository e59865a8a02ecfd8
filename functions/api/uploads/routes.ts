/** Uploads, and the limits that send a client to them. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { IMAGE_LIMITS } from "../../intake/image-check.ts";
import { type ApiEnv, refuseWithout } from "../access.ts";
import { createUpload, getLimits, putUpload } from "../contract/uploads.ts";
import { ProblemError } from "../problem.ts";
import { PROBLEM_CODES } from "../problem-codes.ts";
import { refuseInvalid } from "../refusals.ts";
import { openUpload, receiveUpload, UPLOAD_BYTES, type UploadDeps } from "./uploads.ts";

export const uploadRoutes = (deps: UploadDeps) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
    .openapi(createUpload, async (context) => {
      const announced = context.req.valid("json");
      const principal = context.get("principal");
      if (announced.kind === "rows") refuseWithout(principal, ["runs:write"]);
      const { row, url, headers } = await openUpload(announced, principal.id, deps);
      const expires_at = new Date(row.expiresAt).toISOString();
      return context.json({ id: row.uploadId, url, method: "PUT" as const, headers, expires_at }, 201);
    })
    .openapi(putUpload, async (context) => {
      const { body } = context.req.raw;
      if (body === null) throw missingBody();
      await receiveUpload({ ...context.req.valid("param"), ...context.req.valid("query") }, body, deps);
      return context.body(null, 200);
    })
    .openapi(getLimits, (context) => {
      const limits = {
        straight_bytes: deps.uploads.straightBytes ?? null,
        image_bytes: IMAGE_LIMITS.maxBytes,
        image_pixels: IMAGE_LIMITS.maxPixels,
        rows_bytes: UPLOAD_BYTES.rows,
      };
      return context.json(limits, 200);
    });

function missingBody(): ProblemError {
  const { status, meaning, fix } = PROBLEM_CODES["body.missing"];
  return new ProblemError({ status, code: "body.missing", field: "body", detail: meaning, fix });
}
