/** The typed client of the service, for the command line and the console: it runs in browsers too. */
import { hc } from "hono/client";
import type { Api } from "../api/app.ts";
import { eventsAfter, type ToldEvent } from "./events.ts";
import { ServiceError, serviceError } from "./problem.ts";

export type ConnectOptions = {
  /** `rlk_…`; left out: anonymous, or the console's own session. */
  apiKey?: string | undefined;
  /** Instead of the platform's, e.g. an app's `request` in tests. */
  fetch?: typeof fetch | undefined;
};

/** Every route with its types, e.g. `api.v1.runs[":id"].$get({ param: { id } })`. */
export type RouteClient = ReturnType<typeof hc<Api>>;
type RunAnswer = Awaited<ReturnType<Awaited<ReturnType<RouteClient["v1"]["runs"]["$post"]>>["json"]>>;
type ManifestAnswer = Awaited<ReturnType<Awaited<ReturnType<RouteClient["v1"]["manifests"]["$post"]>>["json"]>>;
type ImageAnswer = Awaited<ReturnType<Awaited<ReturnType<RouteClient["v1"]["images"]["$post"]>>["json"]>>;
type EstimateAnswer = Awaited<ReturnType<Awaited<ReturnType<RouteClient["v1"]["runs"]["estimate"]["$post"]>>["json"]>>;
/** Of a route, the answer that is no problem. */
type Good<T> = Exclude<T, { code: string; fix: string }>;

/** A body that is sent as it is made: rows, one JSON value a line. */
export type Rows = AsyncIterable<unknown> | Iterable<unknown>;

export type ServiceClient = {
  baseUrl: string;
  api: RouteClient;
  /** Events after `after`, again and again connected, until `signal` is aborted. */
  events(runId: string, options: { after?: number; signal: AbortSignal }): AsyncGenerator<ToldEvent>;
  /** A run whose rows are streamed; `head` is the body without `manifest`. */
  createRun(head: object, rows: Rows, options?: SendOptions): Promise<Good<RunAnswer>>;
  estimateRun(head: object, rows: Rows, options?: SendOptions): Promise<Good<EstimateAnswer>>;
  uploadManifest(rows: Rows, options?: SendOptions & { question?: string }): Promise<Good<ManifestAnswer>>;
  uploadImage(bytes: Uint8Array<ArrayBuffer> | Blob, options?: SendOptions): Promise<Good<ImageAnswer>>;
  /** The bytes of a dataset, as they come. */
  dataset(
    runId: string,
    query: { round: number; format?: string; as?: "zip" | "records" },
  ): Promise<{ name: string; body: ReadableStream<Uint8Array> }>;
};
type SendOptions = { idempotencyKey?: string; signal?: AbortSignal };

/** @param baseUrl e.g. `http://127.0.0.1:8787`, or `""` for the page's own origin */
export function connect(baseUrl: string, options: ConnectOptions = {}): ServiceClient {
  const base = baseUrl.replace(/\/+$/, "");
  const headers: Record<string, string> =
    options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` };
  const call = options.fetch ?? ((input, init) => fetch(input, init));
  const api = hc<Api>(base === "" ? "/" : base, { headers, fetch: call });
  const post = async <T>(path: string, request: RequestInit, { idempotencyKey, signal }: SendOptions = {}) => {
    const key = idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
    const sent = { ...headers, ...key, ...(request.headers as Record<string, string>) };
    const response = await call(`${base}${path}`, {
      method: "POST",
      ...request,
      headers: sent,
      signal: signal ?? null,
    });
    if (!response.ok) throw await serviceError(response);
    return (await response.json()) as T;
  };
  const postRows = async <T>(path: string, lines: Rows, how?: SendOptions) =>
    post<T>(path, { headers: { "content-type": "application/x-ndjson" }, ...(await ndjsonBody(lines)) }, how);
  return {
    baseUrl: base,
    api,
    events: (runId, { after = 0, signal }) =>
      eventsAfter(after, {
        signal,
        open: (last, closed) =>
          call(`${base}/v1/runs/${encodeURIComponent(runId)}/events`, {
            headers: { ...headers, "last-event-id": `${last}` },
            signal: closed,
          }),
      }),
    createRun: (head, rows, how) => postRows("/v1/runs", withHead(head, rows), how),
    estimateRun: (head, rows, how) => postRows("/v1/runs/estimate", withHead(head, rows), how),
    uploadManifest(rows, { question, ...how } = {}) {
      const query = question === undefined ? "" : `?${new URLSearchParams({ question })}`;
      return postRows(`/v1/manifests${query}`, rows, how);
    },
    uploadImage: (body, how) =>
      post("/v1/images", { headers: { "content-type": "application/octet-stream" }, body }, how),
    async dataset(runId, query) {
      const { round, format = "parquet", as = "zip" } = query;
      const asked = new URLSearchParams({ round: `${round}`, format, as });
      const response = await call(`${base}/v1/runs/${encodeURIComponent(runId)}/dataset?${asked}`, { headers });
      if (!response.ok || response.body === null) throw await serviceError(response);
      const name = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "")?.[1] ?? "dataset";
      return { name, body: response.body };
    },
  };
}

/** The JSON of a good answer; anything else is thrown as a ServiceError. */
export async function jsonOf<T>(answer: PromiseLike<{ ok: boolean; json(): Promise<T> }>): Promise<Good<T>> {
  const response = await answer;
  if (!response.ok) throw await serviceError(response as unknown as Response);
  return (await response.json()) as Good<T>;
}

export { ServiceError };

async function* withHead(head: object, rows: Rows): AsyncGenerator<unknown> {
  yield head;
  yield* rows;
}

const PIECE_CHARACTERS = 64 * 1024;

/**
 * Nothing is made before it is sent. Browsers stream request bodies over HTTP/2 at most
 * (https://developer.chrome.com/docs/capabilities/web-apis/fetch-streaming-requests), so there they are collected first.
 */
async function ndjsonBody(rows: Rows): Promise<RequestInit> {
  const pieces = linePieces(rows);
  if ("document" in globalThis) return { body: await collected(pieces) };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await pieces.return(undefined);
    },
  });
  return { body, duplex: "half" } as RequestInit;
}

async function collected(pieces: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of pieces) parts.push(piece);
  return new Blob(parts);
}

async function* linePieces(rows: Rows): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let piece = "";
  for await (const row of rows) {
    piece += `${JSON.stringify(row)}\n`;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield encoder.encode(piece);
    piece = "";
  }
  if (piece !== "") yield encoder.encode(piece);
}
