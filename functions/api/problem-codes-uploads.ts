/** Problem codes of uploads and of API keys as things to manage. */
import type { ProblemEntry } from "./problem-codes.ts";

export const UPLOAD_CODES = {
  "upload.not_found": {
    status: 404,
    meaning: "This key has no upload of this id, or the URL's token is not that of the upload.",
    fix: "POST /v1/uploads opens one: send the bytes to its `url` as it came, and name it with the same key.",
  },
  "upload.not_sent": {
    status: 409,
    meaning: "The upload's bytes have not arrived.",
    fix: "PUT them to the upload's `url` with its `headers`, then send this request again.",
  },
  "upload.expired": {
    status: 409,
    meaning: "The upload's time is over: its URL lives an hour, its bytes a day.",
    fix: "Open a new one with POST /v1/uploads and send the bytes again.",
  },
  "upload.kind": {
    status: 400,
    meaning: "The upload is of another kind than this route takes.",
    fix: 'Open one of kind "image" for POST /v1/images, of kind "rows" for manifests and runs.',
  },
  "upload.other_bytes": {
    status: 400,
    meaning: "The bytes are not those that were announced: their length or SHA-256 differs.",
    fix: "Send exactly the bytes that `bytes` and `sha256` were made of, or open a new upload for these.",
  },
  "upload.taken": {
    status: 412,
    meaning: "The upload's bytes are there already; a URL takes them once.",
    fix: "Go on and name the upload in the request it is for.",
  },
  "upload.too_large": {
    status: 413,
    meaning: "So many bytes of this kind are not taken.",
    fix: "GET /v1/limits tells the limits. Scale the image down, or split the rows into several manifests.",
  },
} as const satisfies Record<string, ProblemEntry>;

export const MANAGED_KEY_CODES = {
  "key.not_found": {
    status: 404,
    meaning: "There is no API key of this id.",
    fix: 'GET /v1/keys (or "rlaifv keys list") lists them; the id is the 12 characters after rlk_.',
  },
} as const satisfies Record<string, ProblemEntry>;
