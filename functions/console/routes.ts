/** Serves the console: one page, and files whose names change with their content. */
import { Hono } from "hono";
import type { ConsoleAssets } from "./bundle.ts";

/**
 * Only what this server sends itself is loaded or run, whatever a model, a user or a picture smuggles into a text. Pictures
 * that were chosen or fetched with a key are data and blobs of the page.
 */
const policy = (elsewhere: readonly string[]): string =>
  [
    "default-src 'self'",
    ["connect-src 'self'", ...elsewhere].join(" "),
    "img-src 'self' data: blob:",
    "style-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");

const PAGE_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-cache",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** `/` and `/assets/*`. What it does not have it leaves to others. @param elsewhere origins that the page may send uploads to */
export function consoleRoutes({ index, files }: ConsoleAssets, elsewhere: readonly string[] = []): Hono {
  const headers = { ...PAGE_HEADERS, "content-security-policy": policy(elsewhere) };
  return new Hono()
    .get("/", () => new Response(index, { headers }))
    .get("/assets/:name", (context, next) => {
      const file = files.get(context.req.param("name"));
      if (file === undefined) return next();
      const headers = {
        "content-type": file.type,
        "cache-control": "public, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
      };
      return Promise.resolve(new Response(file.body, { headers }));
    });
}
