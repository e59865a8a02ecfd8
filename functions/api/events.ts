/** A run's events as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { EventRow } from "../../shared/schemas/service.ts";
import type { ApiEnv } from "./access.ts";
import { runEvents } from "./contract/run-outputs.ts";
import type { ApiDeps } from "./deps.ts";
import { runOf } from "./passes.ts";
import { ProblemError } from "./problem.ts";
import { PROBLEM_CODES } from "./problem-codes.ts";
import { refuseInvalid } from "./refusals.ts";
import { readableFrom } from "./streams.ts";

type EventDeps = Pick<ApiDeps, "store" | "service" | "clock">;

export const eventRoutes = (deps: EventDeps) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid }).openapi(runEvents, async (context) => {
    const { runId } = await runOf(context.req.valid("param").id, deps);
    const after = lastEventId(context) ?? context.req.valid("query").after ?? 0;
    const left = new AbortController();
    const signal = AbortSignal.any([context.req.raw.signal, left.signal]);
    const body = readableFrom(told({ runId, after, signal }, deps), () => left.abort());
    return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
  });

/** Browsers send it when they connect again; it is newer than the query of the first connection. */
function lastEventId(context: Context): number | undefined {
  const value = context.req.header("last-event-id");
  if (value === undefined || value === "") return undefined;
  if (/^\d{1,15}$/.test(value)) return Number(value);
  const { status, fix } = PROBLEM_CODES["header.invalid"];
  const detail = "Last-Event-ID is the id of an event of this run: a whole number.";
  throw new ProblemError({ status, code: "header.invalid", field: "header.Last-Event-ID", value, detail, fix });
}

const PAGE = 500;
/** Our choice: shorter than the minute after which proxies close a silent connection. */
const HEARTBEAT_MS = 15_000;
const encoder = new TextEncoder();

type Asked = { runId: string; after: number; signal: AbortSignal };

/** What there is, then what comes, until the reader leaves. */
async function* told({ runId, after, signal }: Asked, deps: EventDeps): AsyncGenerator<Uint8Array> {
  yield encoder.encode("retry: 1000\n\n"); // the first bytes carry the headers out
  let last = after;
  while (!signal.aborted) {
    const rows = await deps.service.events.read(runId, { after: last, limit: PAGE });
    last = rows.at(-1)?.seq ?? last;
    if (rows.length > 0) yield encoder.encode(rows.map(eventText).join(""));
    else if ((await nextOrSilence({ runId, after: last, signal }, deps)) === "silence") yield encoder.encode(": \n\n");
  }
}

function eventText({ seq, at, event }: EventRow): string {
  return `id: ${seq}\nevent: ${String(event["kind"])}\ndata: ${JSON.stringify({ ...event, at })}\n\n`;
}

async function nextOrSilence(
  { runId, after, signal }: Asked,
  { service, clock }: EventDeps,
): Promise<"next" | "silence"> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  try {
    return await Promise.race([
      service.events.changed(runId, after, either).then(() => "next" as const),
      clock.sleep(HEARTBEAT_MS, either).then(
        () => "silence" as const,
        () => "next" as const, // aborted: whoever waits looks at the signal
      ),
    ]);
  } finally {
    over.abort();
  }
}
