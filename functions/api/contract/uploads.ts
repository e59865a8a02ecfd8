/** Uploads: bytes that are sent before a request names them; and how large anything may be. */
import { createRoute, z } from "@hono/zod-openapi";
import { UploadKind } from "../../../shared/schemas/service.ts";
import { requires } from "../access.ts";
import { IdempotencyHeader, json, PROBLEMS, Time } from "./common.ts";

/** Names an upload of the same key. */
export const NamedUpload = z.strictObject({ upload: z.string().min(1) }).openapi("NamedUpload");

export const UploadView = z
  .object({
    id: z.string(),
    /** Relative where it is this service's own: resolve it against the service's address. */
    url: z.string(),
    method: z.literal("PUT"),
    /** To be sent along as they are. A browser sets `content-length` by itself. */
    headers: z.record(z.string(), z.string()),
    /** Of the URL. The bytes are kept for a day. */
    expires_at: Time,
  })
  .openapi("Upload");

export const createUpload = createRoute({
  method: "post",
  path: "/v1/uploads",
  tags: ["uploads"],
  summary: "Open an upload: where to PUT an image or rows that are larger than a request may be",
  description:
    'The URL takes exactly the bytes announced here, once, and needs no API key. Then `{"upload": id}` stands for them: in POST /v1/images (kind `image`), POST /v1/manifests, POST /v1/runs and POST /v1/runs/estimate (kind `rows`: NDJSON).',
  middleware: [requires("chat", "runs:write")] as const,
  request: {
    headers: IdempotencyHeader,
    body: {
      content: {
        "application/json": {
          schema: z.strictObject({
            bytes: z.int().min(1).openapi({ example: 5_242_880 }),
            sha256: z
              .string()
              .regex(/^[0-9a-f]{64}$/)
              .openapi({ example: "0".repeat(64), description: "of the bytes, as 64 lower-case hex digits" }),
            kind: UploadKind,
          }),
        },
      },
      required: true,
    },
  },
  responses: { 201: json(UploadView, "Open: PUT the bytes to `url`"), ...PROBLEMS },
});

export const putUpload = createRoute({
  method: "put",
  path: "/v1/uploads/{id}",
  tags: ["uploads"],
  summary: "The bytes of an upload, where its URL leads here",
  security: [],
  request: {
    params: z.object({ id: z.string() }),
    query: z.object({ token: z.string().openapi({ description: "as it stands in the upload's `url`" }) }),
    body: {
      content: { "application/octet-stream": { schema: z.string().openapi({ format: "binary" }) } },
      description: "Exactly the bytes that were announced, whatever content type the header says.",
      required: true,
    },
  },
  responses: { 200: { description: "They are here" }, ...PROBLEMS },
});

export const LimitsView = z
  .object({
    /** Longer bodies do not reach the service: send them through POST /v1/uploads. Null: all reach it. */
    straight_bytes: z.int().nullable(),
    /** Of one image. */
    image_bytes: z.int(),
    image_pixels: z.int(),
    /** Of an upload of rows. */
    rows_bytes: z.int(),
  })
  .openapi("Limits");

export const getLimits = createRoute({
  method: "get",
  path: "/v1/limits",
  tags: ["service"],
  summary: "How large bodies, images and manifests may be",
  request: {},
  responses: { 200: json(LimitsView, "Limits, in bytes and pixels"), ...PROBLEMS },
});
