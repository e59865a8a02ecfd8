/** The body of POST /v1/runs and /v1/runs/estimate: read, checked as a whole, and its rows kept as a manifest. */
import type { Context } from "hono";
import { type ReadConfig, readConfigInput } from "../../shared/config-input.ts";
import { manifestRowKey } from "../../shared/keys.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import { ManifestRow } from "../../shared/schemas/service.ts";
import type { ApiEnv } from "./access.ts";
import { CreateRunBody } from "./contract/runs.ts";
import type { ApiDeps } from "./deps.ts";
import { isNdjson } from "./middleware.ts";
import { linesOf } from "./ndjson.ts";
import { type Problem, ProblemError } from "./problem.ts";
import { PROBLEM_CODES, type ProblemCode } from "./problem-codes.ts";
import { fieldErrors, invalid, invalidFields } from "./refusals.ts";
import { type UploadDeps, uploadedStream } from "./uploads/uploads.ts";

export type RunBodyDeps = Pick<ApiDeps, "images" | "checkWebhookUrl"> & UploadDeps;
type FieldError = NonNullable<Problem["errors"]>[number];
type ConfigBody = Extract<CreateRunBody, { config: unknown }>;
type BadRows = Awaited<ReturnType<ApiDeps["images"]["manifest"]>>["bad"];

/** `badRows`: of the rows that came with the request. */
export type RunBody =
  | { kind: "demo"; demo: { seed: number; rounds: number; images: number } }
  | {
      kind: "config";
      config: RunConfig;
      webhookUrl: string | undefined;
      badRows: { count: number; first: BadRows } | undefined;
    };

/** @param json the body as its schema read it, where it came as JSON */
export async function readRunBody(context: Context<ApiEnv>, json: unknown, deps: RunBodyDeps): Promise<RunBody> {
  const { signal } = context.req.raw;
  if (!isNdjson(context)) {
    if (context.req.header("content-type") === undefined) throw missingBody();
    const body = CreateRunBody.parse(json);
    if ("demo" in body) return { kind: "demo", demo: body.demo };
    const rows = await namedRows(body, context.get("principal").id, deps);
    return checkedBody(body, { rows, streamed: false, signal }, deps);
  }
  if (context.req.raw.body === null) throw missingBody();
  const lines = linesOf(context.req.raw.body);
  const first = await lines.next();
  const body = firstLine(first.done ? "" : first.value);
  if ("demo" in body) return { kind: "demo", demo: body.demo };
  return checkedBody(body, { rows: lines, streamed: true, signal }, deps);
}

/** The rows of a JSON body: inline, or those of an upload. */
async function namedRows(
  { manifest, upload }: ConfigBody,
  owner: string,
  deps: RunBodyDeps,
): Promise<AsyncIterable<unknown> | undefined> {
  if (upload === undefined) return manifest && inOrder(manifest);
  return linesOf(await uploadedStream({ id: upload, kind: "rows", owner }, deps));
}

async function* inOrder(rows: readonly unknown[]): AsyncGenerator<unknown> {
  yield* rows;
}

function firstLine(line: string): CreateRunBody {
  if (line.trim() === "") throw missingBody();
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw problem("body.invalid_json", {
      field: "line 1",
      value: line,
      detail: "The first line of the body is not JSON.",
    });
  }
  const parsed = CreateRunBody.safeParse(value);
  if (!parsed.success) throw invalid("json", parsed.error, value);
  return parsed.data;
}

/** `streamed`: as lines after the body's first. */
type Rows = { rows: AsyncIterable<unknown> | undefined; streamed: boolean; signal: AbortSignal };

/** Everything that can be wrong is looked at before the rows are read, and told together. */
async function checkedBody(body: ConfigBody, { rows, streamed, signal }: Rows, deps: RunBodyDeps): Promise<RunBody> {
  const named = namedManifest(body);
  const problems = [...sourceProblems(body, { named, streamed }), ...pathProblems(body.config)];
  const read = readConfigInput({ ...body.config, data: { manifest: named ?? PLACEHOLDER } });
  problems.push(...configProblems(read));
  problems.push(...(await manifestProblems(body, named, deps)));
  if (problems.length > 0 || read.outcome !== "read") throw told(problems);
  const webhookUrl = body.webhook?.url;
  if (webhookUrl !== undefined) await deps.checkWebhookUrl(webhookUrl);
  if (rows === undefined) return { kind: "config", config: read.config, webhookUrl, badRows: undefined };
  const kept = await keptManifest(rows, { question: body.question, strict: body.strict, signal }, deps);
  return { kind: "config", config: { ...read.config, data: { manifest: kept.id } }, webhookUrl, badRows: kept.badRows };
}

/** Stands where the request's own rows will be; never leaves this file. */
const PLACEHOLDER = "man_0000000000000000";

type Found = FieldError & { code: ProblemCode };

/** The manifest that is named in either place. */
function namedManifest({ manifest_id, config }: ConfigBody): string | undefined {
  if (manifest_id !== undefined) return manifest_id;
  const data = config["data"] as { manifest?: unknown } | undefined;
  return typeof data?.manifest === "string" ? data.manifest : undefined;
}

/** Samples come from one place: rows in the request, an upload, `manifest_id`, or the config's `data`. */
function sourceProblems(body: ConfigBody, { named, streamed }: { named: string | undefined; streamed: boolean }) {
  const { manifest, upload, manifest_id } = body;
  const sent = [streamed || undefined, manifest, upload].filter((rows) => rows !== undefined).length;
  const twice = sent > 1 || (manifest_id !== undefined && body.config["data"] !== undefined);
  if (twice || (named !== undefined && sent > 0)) return [namedTwice(body, sent)];
  if (named !== undefined || sent > 0 || body.config["data"] !== undefined) return [];
  const detail = "no samples: send rows, upload, manifest_id or config.data";
  return [{ code: "manifest.missing" as const, field: "manifest", detail }];
}

function namedTwice({ manifest_id, upload }: ConfigBody, sent: number): Found {
  const detail = "samples are named twice: send rows, or upload, or manifest_id, or config.data";
  const sending = upload === undefined ? "manifest" : "upload";
  const field = sent > 1 ? sending : manifest_id === undefined ? "config.data" : "manifest_id";
  return { code: "manifest.twice", field, detail };
}

/** A client's config shall not name files of the server's machine. */
function pathProblems(config: Record<string, unknown>): Found[] {
  const places: [string, unknown][] = [
    ["config.data", config["data"]],
    ["config.evaluate.data", fieldOf(config["evaluate"], "data")],
    ["config.evaluate.selection", fieldOf(config["evaluate"], "selection")],
  ];
  const paths = places.map(([field, data]): [string, unknown] => [`${field}.path`, fieldOf(data, "path")]);
  const truths = ["coco", "amber"].map((name): [string, unknown] => [
    `config.evaluate.${name}`,
    fieldOf(config["evaluate"], name),
  ]);
  return [...paths, ...truths].flatMap(([field, path]) => {
    if (path === undefined) return [];
    const detail = "a path of the server's machine cannot be named";
    return [{ code: "config.data.path" as const, field, value: String(path), detail }];
  });
}

function fieldOf(value: unknown, field: string): unknown {
  return value === null || typeof value !== "object" ? undefined : (value as Record<string, unknown>)[field];
}

function configProblems(read: ReadConfig): Found[] {
  if (read.outcome === "read") return [];
  if (read.outcome === "unknown_preset") return [{ code: "config.preset", field: "config", detail: read.message }];
  const errors = read.error.issues.flatMap((issue) => fieldErrors(issue, { value: read.value, prefix: "config." }));
  return errors
    .filter(({ field }) => !/\.(data|selection)\.path$/.test(field)) // told by pathProblems
    .map((error) => ({ code: "config.invalid" as const, ...error }));
}

async function manifestProblems(body: ConfigBody, named: string | undefined, deps: RunBodyDeps): Promise<Found[]> {
  const places: [string, unknown][] = [
    [body.manifest_id === undefined ? "config.data.manifest" : "manifest_id", named],
    ["config.evaluate.data.manifest", fieldOf(fieldOf(body.config["evaluate"], "data"), "manifest")],
    ["config.evaluate.selection.manifest", fieldOf(fieldOf(body.config["evaluate"], "selection"), "manifest")],
  ];
  const found: Found[] = [];
  for (const [field, id] of places) {
    if (typeof id !== "string" || (await hasManifest(id, deps))) continue;
    found.push({ code: "manifest.not_found", field, value: id, detail: "there is no manifest of this id" });
  }
  return found;
}

async function hasManifest(id: string, { blobs }: Pick<RunBodyDeps, "blobs">): Promise<boolean> {
  if (!ManifestRow.shape.manifestId.safeParse(id).success) return false;
  return (await blobs.read(manifestRowKey(id), { offset: 0, length: 1 })) !== undefined;
}

/** One kind of problem keeps its own code; of several kinds the answer is `config.invalid` with all of them. */
function told(problems: readonly Found[]): ProblemError {
  const codes = new Set(problems.map(({ code }) => code));
  const [first = "config.invalid"] = codes;
  const errors = problems.map(({ code: _, ...error }) => error);
  return invalidFields(codes.size === 1 ? first : "config.invalid", errors);
}

type Wanted = { question: string | undefined; strict: boolean; signal: AbortSignal };

async function keptManifest(rows: AsyncIterable<unknown>, { question, strict, signal }: Wanted, deps: RunBodyDeps) {
  const { row, bad } = await deps.images.manifest(rows, { question, signal });
  if (row.samples === 0) throw badRows("manifest.empty", bad);
  if (strict && row.badRows > 0) throw badRows("manifest.bad_rows", bad);
  return { id: row.manifestId, badRows: { count: row.badRows, first: bad } };
}

/** @param bad the first bad rows, as BadRowRecords */
export function badRows(code: "manifest.empty" | "manifest.bad_rows", bad: BadRows): ProblemError {
  const errors = bad.map(({ line, field, value, reason, fix }) => ({
    field: `line ${line}.${field}`,
    value,
    detail: `${reason}; ${fix}`,
  }));
  return errors.length === 0 ? problem(code, { field: "manifest" }) : invalidFields(code, errors);
}

function missingBody(): ProblemError {
  return problem("body.missing", { field: "body" });
}

function problem(code: ProblemCode, facts: { field: string; value?: string; detail?: string }): ProblemError {
  const { status, meaning, fix } = PROBLEM_CODES[code];
  return new ProblemError({ status, code, detail: meaning, fix, ...facts });
}
