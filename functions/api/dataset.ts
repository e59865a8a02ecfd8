/** A round's dataset, streamed: nothing of it is ever whole in memory. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { makeZip } from "client-zip";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { ExportFormat } from "../../shared/schemas/lineage.ts";
import type { ApiEnv } from "./access.ts";
import { getDataset } from "./contract/run-outputs.ts";
import type { ApiDeps } from "./deps.ts";
import { pairingOf } from "./pairs.ts";
import { runOf } from "./passes.ts";
import { ProblemError } from "./problem.ts";
import { PROBLEM_CODES } from "./problem-codes.ts";
import { refuseInvalid } from "./refusals.ts";
import { readableFrom } from "./streams.ts";

type DatasetDeps = Pick<ApiDeps, "store" | "blobs" | "dataset">;

export const datasetRoutes = (deps: DatasetDeps) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid }).openapi(getDataset, async (context) => {
    const { round, format, as } = context.req.valid("query");
    const run = await runOf(context.req.valid("param").id, deps);
    if (as === "records") refuseWithoutRecords(format);
    await pairingOf(run, round, deps);
    const { prefix } = await deps.dataset(run, round, format);
    const folder = `${prefix.replace(/\/$/, "")}/`;
    const name = `${run.runId}-round${round}-${format}`;
    if (as === "records") {
      return download(readableFrom(recordsBelow(folder, deps.blobs)), "application/x-ndjson", `${name}.jsonl`);
    }
    const zip = zipBelow(folder, { blobs: deps.blobs, at: new Date(run.createdAt) });
    return download(readableFrom(zip), "application/zip", `${name}.zip`);
  });

function refuseWithoutRecords(format: ExportFormat): void {
  if (format === "jsonl" || format === "rlaifv") return;
  const { status, meaning, fix } = PROBLEM_CODES["dataset.no_records"];
  throw new ProblemError({
    status,
    code: "dataset.no_records",
    field: "query.format",
    value: format,
    detail: meaning,
    fix,
  });
}

/**
 * All files below a folder as one zip. `at`: the time of every file in it, so that the same dataset is the same zip. A
 * reader that leaves ends the zip, which then forgets the file it was reading: that one is closed here.
 */
async function* zipBelow(folder: string, { blobs, at }: { blobs: BlobStore; at: Date }): AsyncGenerator<Uint8Array> {
  let reading: AsyncGenerator<Uint8Array> | undefined;
  async function* files() {
    for await (const key of blobs.list(folder)) {
      reading = piecesOf(key, blobs);
      yield { name: key.slice(folder.length), input: reading, lastModified: at };
    }
  }
  const reader = makeZip(files()).getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    await reader.cancel().catch(() => {}); // it throws its own cancellation
    await reading?.return(undefined);
  }
}

async function* piecesOf(key: string, blobs: BlobStore): AsyncGenerator<Uint8Array> {
  yield* blobs.stream(key);
}

async function* recordsBelow(folder: string, blobs: BlobStore): AsyncGenerator<Uint8Array> {
  for await (const key of blobs.list(folder)) if (key.endsWith(".jsonl")) yield* blobs.stream(key);
}

function download(body: ReadableStream<Uint8Array>, type: string, name: string): Response {
  const headers = { "content-type": type, "content-disposition": `attachment; filename="${name}"` };
  return new Response(body, { headers });
}
