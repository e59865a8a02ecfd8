/** Every problem code of the API: its status, what it means and what to do. Served as a page at /docs/problems. */
import type { ProblemStatus } from "./problem.ts";
import { IMAGE_CODES, KEY_CODES, MODEL_CODES, RUN_CODES, WEB_CODES } from "./problem-codes-elsewhere.ts";
import { EVALUATION_CODES } from "./problem-codes-evals.ts";
import { SCORE_CODES } from "./problem-codes-score.ts";
import { MANAGED_KEY_CODES, UPLOAD_CODES } from "./problem-codes-uploads.ts";

export type ProblemEntry = { status: ProblemStatus; meaning: string; fix: string };

const SEE_REFERENCE = "Mend the fields that `errors` lists; /reference says what each takes.";

export const PROBLEM_CODES = {
  ...KEY_CODES,
  ...RUN_CODES,
  ...MODEL_CODES,
  ...IMAGE_CODES,
  ...WEB_CODES,
  ...SCORE_CODES,
  ...EVALUATION_CODES,
  ...UPLOAD_CODES,
  ...MANAGED_KEY_CODES,
  "body.invalid": { status: 400, meaning: "A field of the body has a wrong value or is missing.", fix: SEE_REFERENCE },
  "body.unknown_field": {
    status: 400,
    meaning: "The body has a field that this route does not know.",
    fix: "Leave the field out, or correct its name.",
  },
  "body.invalid_json": {
    status: 400,
    meaning: "The body, or the first line of an NDJSON body, is not JSON.",
    fix: "Send valid JSON in UTF-8.",
  },
  "body.missing": {
    status: 400,
    meaning: "The request has no body, or an empty one.",
    fix: "Send the body that /reference shows for this route.",
  },
  "body.media_type": {
    status: 415,
    meaning: "The route does not take this content type.",
    fix: "Set Content-Type to one that /reference names for this route, e.g. application/json.",
  },
  "body.too_large": {
    status: 413,
    meaning: "The body is longer than this route takes.",
    fix: "Send it through POST /v1/uploads (GET /v1/limits tells the limits), or less at once: images first, named by id; rows as several manifests.",
  },
  "body.line_too_long": {
    status: 413,
    meaning: "A line of an NDJSON body is longer than a row with its image can be.",
    fix: "Upload the image first (POST /v1/images) and name it by id.",
  },
  "query.invalid": { status: 400, meaning: "A query parameter has a wrong value.", fix: SEE_REFERENCE },
  "query.unknown_field": {
    status: 400,
    meaning: "The route does not know this query parameter.",
    fix: "Leave it out, or correct its name.",
  },
  "path.invalid": { status: 400, meaning: "A part of the path has a wrong form.", fix: SEE_REFERENCE },
  "header.invalid": { status: 400, meaning: "A header has a wrong value.", fix: SEE_REFERENCE },
  "page.cursor": {
    status: 400,
    meaning: "The cursor is none of this list.",
    fix: "Pass `next_cursor` of the page before as it came, with the same filters; leave it out for the first page.",
  },
  "route.unknown": { status: 404, meaning: "There is no such path.", fix: "See /reference for all paths." },
  "route.method": {
    status: 405,
    meaning: "The path is there, but not with this method.",
    fix: "Use one of the methods in the Allow header.",
  },
  "run.not_found": { status: 404, meaning: "There is no run of this id.", fix: "GET /v1/runs lists the runs." },
  "run.state": {
    status: 409,
    meaning: "From the state it is in, the run cannot do this.",
    fix: "GET /v1/runs/{id} tells the state.",
  },
  "sample.not_found": {
    status: 404,
    meaning: "The pass has no sample of this id.",
    fix: "GET /v1/runs/{id}/samples lists the samples of a pass; `pass` chooses another.",
  },
  "pass.not_found": {
    status: 404,
    meaning: "The run has no such pass, or not yet.",
    fix: "GET /v1/runs/{id} lists the passes.",
  },
  "round.not_found": {
    status: 404,
    meaning: "The round has no pairs, or not yet.",
    fix: "GET /v1/runs/{id} tells how far the run is; a later round comes later.",
  },
  "dataset.no_records": {
    status: 400,
    meaning: "Only jsonl and rlaifv have records that stand line by line.",
    fix: "Choose format=jsonl or format=rlaifv, or take the zip.",
  },
  "config.invalid": { status: 400, meaning: "The config has fields with wrong values.", fix: SEE_REFERENCE },
  "config.preset": {
    status: 400,
    meaning: "The config names a preset that is not there, or not for this role.",
    fix: '"rlaifv models" lists the presets.',
  },
  "config.data.path": {
    status: 400,
    meaning: "A config that is sent to a service cannot name files of its machine.",
    fix: 'Upload the rows (POST /v1/manifests) and name the manifest: { "manifest": "man_…" }.',
  },
  "manifest.missing": {
    status: 400,
    meaning: "The request names no samples.",
    fix: "Send rows, `upload`, `manifest_id`, or `config.data.manifest`.",
  },
  "manifest.twice": {
    status: 400,
    meaning: "The request names samples in two places.",
    fix: "Send rows, or `upload`, or `manifest_id`, or `config.data`: one of them.",
  },
  "manifest.not_found": {
    status: 400,
    meaning: "There is no manifest of this id.",
    fix: "POST /v1/manifests uploads one and answers with its id.",
  },
  "manifest.empty": {
    status: 400,
    meaning: "No row of the manifest can be used.",
    fix: "Mend the rows that `errors` lists.",
  },
  "manifest.bad_rows": {
    status: 400,
    meaning: "`strict` was asked for, and rows of the manifest are bad.",
    fix: "Mend the rows that `errors` lists, or leave out `strict`.",
  },
  "estimate.demo": {
    status: 400,
    meaning: "The demo run needs no estimate.",
    fix: "Start it with POST /v1/runs, or send a config.",
  },
  "webhook.not_found": {
    status: 404,
    meaning: "This key has no webhook of this id.",
    fix: "GET /v1/webhooks lists this key's webhooks.",
  },
  "delivery.not_found": {
    status: 404,
    meaning: "The webhook has no delivery of this id.",
    fix: "GET /v1/webhooks/{id}/deliveries lists them.",
  },
  internal: {
    status: 500,
    meaning: "A fault of the server; nothing was lost.",
    fix: "Try again; if it stays, report the request id.",
  },
} as const satisfies Record<string, ProblemEntry>;

export type ProblemCode = keyof typeof PROBLEM_CODES;
