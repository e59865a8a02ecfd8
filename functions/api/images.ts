/** Images, by content id. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { contentKey } from "../../shared/ports/blob-store.ts";
import type { ApiEnv } from "./access.ts";
import { getImage, uploadImage } from "./contract/service.ts";
import type { ApiDeps } from "./deps.ts";
import { ProblemError } from "./problem.ts";
import { PROBLEM_CODES } from "./problem-codes.ts";
import { notFound, refusal, refuseInvalid } from "./refusals.ts";
import { imageUrl } from "./sample-views.ts";
import { type UploadDeps, uploadedBytes } from "./uploads/uploads.ts";

type ImageDeps = Pick<ApiDeps, "images"> & UploadDeps;

export const imageRoutes = (deps: ImageDeps) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
    .openapi(uploadImage, async (context) => {
      const image = await sentImage(context, context.req.valid("json"), deps);
      if (image.outcome === "refused") {
        const { reason: detail, fix } = image;
        throw refusal({ outcome: "refused", code: problemCode(image.code), field: "body", detail, fix });
      }
      const { sha256, format, width, height, changed } = image;
      const view = { id: sha256, url: imageUrl(sha256), format, width, height, bytes: image.bytes.length, changed };
      return context.json(view, 201);
    })
    .openapi(getImage, async (context) => {
      const { id } = context.req.valid("param");
      const { size } = context.req.valid("query");
      const bytes = size === "thumbnail" ? await deps.images.thumbnail(id) : await deps.blobs.read(contentKey(id));
      const type = bytes === undefined ? undefined : typeOf(bytes);
      if (bytes === undefined || type === undefined) {
        throw notFound("image.not_found", { field: "path.id", value: id, what: `image ${id}` });
      }
      const forever = "private, max-age=31536000, immutable"; // the id is the content's hash
      return new Response(new Uint8Array(bytes), {
        headers: { "content-type": type, "cache-control": forever, etag: `"${id}-${size}"` },
      });
    });

type Named = { url?: string; upload?: string };

async function sentImage(context: Context<ApiEnv>, json: string | Named, deps: ImageDeps) {
  const { url, upload } = typeof json === "string" ? ({} as Named) : json;
  const { images } = deps;
  if (url !== undefined) return images.open(url, context.req.raw.signal);
  if (upload !== undefined) {
    const owner = context.get("principal").id;
    return images.accept(await uploadedBytes({ id: upload, kind: "image", owner }, deps));
  }
  const bytes = await context.req.bytes();
  if (bytes.length > 0) return images.accept(bytes);
  const { status, meaning, fix } = PROBLEM_CODES["body.missing"];
  throw new ProblemError({ status, code: "body.missing", field: "body", detail: meaning, fix });
}

/** By the first bytes; `undefined` for content that is no image. */
function typeOf(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 12));
  if (head.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return "image/png";
  return head.startsWith("RIFF") && head.endsWith("WEBP") ? "image/webp" : undefined;
}

/** `broken_image` of a manifest's row is `image.broken` here; `image_url.port` stays. */
export function problemCode(code: string): string {
  if (code.includes(".")) return code;
  const words = code.split("_").filter((word) => word !== "image");
  return `image.${words.join("_")}`;
}
