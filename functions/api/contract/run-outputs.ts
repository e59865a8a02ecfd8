/** What a run leaves and tells: its report, its datasets, its events. */
import { createRoute, z } from "@hono/zod-openapi";
import { ExportFormat } from "../../../shared/schemas/lineage.ts";
import { requires } from "../access.ts";
import { PROBLEMS, RunParams } from "./common.ts";

export const getReport = createRoute({
  method: "get",
  path: "/v1/runs/{id}/report",
  tags: ["runs"],
  summary: "The report, as far as the run has come",
  middleware: [requires("runs:read")] as const,
  request: { params: RunParams, query: z.object({ format: z.enum(["json", "html"]).default("json") }) },
  responses: {
    200: {
      description: "report.json or report.html",
      content: {
        "application/json": { schema: z.record(z.string(), z.unknown()) },
        "text/html": { schema: z.string() },
      },
    },
    ...PROBLEMS,
  },
});

export const getDataset = createRoute({
  method: "get",
  path: "/v1/runs/{id}/dataset",
  tags: ["runs"],
  summary: "A round's pairs as a dataset, streamed as a zip with card, lineage and images",
  middleware: [requires("runs:read")] as const,
  request: {
    params: RunParams,
    query: z.object({
      round: z.coerce.number().int().min(1),
      format: ExportFormat.default("parquet"),
      /** `records`: the JSONL lines alone, for pipes (jsonl and rlaifv only). */
      as: z.enum(["zip", "records"]).default("zip"),
    }),
  },
  responses: {
    200: {
      description: "The dataset",
      content: { "application/zip": { schema: z.string() }, "application/x-ndjson": { schema: z.string() } },
    },
    ...PROBLEMS,
  },
});

export const runEvents = createRoute({
  method: "get",
  path: "/v1/runs/{id}/events",
  tags: ["runs"],
  summary: "What happens, as server-sent events; `Last-Event-ID` goes on where a connection broke",
  middleware: [requires("runs:read")] as const,
  request: { params: RunParams, query: z.object({ after: z.coerce.number().int().min(0).optional() }) },
  responses: {
    200: {
      description: "`id` is the event's seq, `event` its kind, `data` its JSON",
      content: { "text/event-stream": { schema: z.string() } },
    },
    ...PROBLEMS,
  },
});
