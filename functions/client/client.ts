/** The typed client of the service, for the command line and the console: it runs in browsers too. */
import { hc } from "hono/client";
import type { Api } from "../api/app.ts";
import { eventsAfter, type ToldEvent } from "./events.ts";
import { ServiceError, serviceError } from "./problem.ts";
import { type LargeBodies, largeBodies, type Post, type SendOptions, type Wait } from "./uploads.ts";

export type ConnectOptions = {
  /** `rlk_…`; left out: anonymous, or the console's own session. */
  apiKey?: string | undefined;
  /** Instead of the platform's, e.g. an app's `request` in tests. */
  fetch?: typeof fetch | undefined;
  /** Instead of real seconds between tries. */
  wait?: Wait | undefined;
};

/** Every route with its types, e.g. `api.v1.runs[":id"].$get({ param: { id } })`. */
export type RouteClient = ReturnType<typeof hc<Api>>;
type RunAnswer = Awaited<ReturnType<Awaited<ReturnType<RouteClient["v1"]["runs"]["$post"]>>["json"]>>;
type ManifestAnswer = Awaited<ReturnType<Awaited<ReturnType<RouteClient["v1"]["manifests"]["$post"]>>["json"]>>;
type ImageAnswer = Awaited<ReturnType<Awaited<ReturnType<RouteClient["v1"]["images"]["$post"]>>["json"]>>;
type EstimateAnswer = Awaited<ReturnType<Awaited<ReturnType<RouteClient["v1"]["runs"]["estimate"]["$post"]>>["json"]>>;
/** Of a route, the answer that is no problem. */
type Good<T> = Exclude<T, { code: string; fix: string }>;

/** A body that is sent as it is made, if it comes through to the service: rows, one JSON value a line. */
export type Rows = AsyncIterable<unknown> | Iterable<unknown>;

export type ServiceClient = {
  baseUrl: string;
  api: RouteClient;
  /** Events after `after`, again and again connected, until `signal` is aborted. */
  events(runId: string, options: { after?: number; signal: AbortSignal }): AsyncGenerator<ToldEvent>;
  /** A run whose rows are streamed; `head` is the body without `manifest`. */
  createRun(head: object, rows: Rows, options?: SendOptions): Promise<Good<RunAnswer>>;
  estimateRun(head: object, rows: Rows, options?: SendOptions): Promise<Good<EstimateAnswer>>;
  /** Rows, or a file of NDJSON. */
  uploadManifest(rows: Rows | Blob, options?: SendOptions & { question?: string }): Promise<Good<ManifestAnswer>>;
  uploadImage(bytes: Uint8Array<ArrayBuffer> | Blob, options?: SendOptions): Promise<Good<ImageAnswer>>;
  /** How a request about an image names it: a small one as a data URL, a large one is uploaded and named by its id. */
  imageReference(bytes: Blob, options?: SendOptions): Promise<string>;
  /** The bytes of a dataset, as they come. */
  dataset(
    runId: string,
    query: { round: number; format?: string; as?: "zip" | "records" },
  ): Promise<{ name: string; body: ReadableStream<Uint8Array> }>;
};
/** @param baseUrl e.g. `http://127.0.0.1:8787`, or `""` for the page's own origin */
export function connect(baseUrl: string, options: ConnectOptions = {}): ServiceClient {
  const base = baseUrl.replace(/\/+$/, "");
  const headers: Record<string, string> =
    options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` };
  const call = options.fetch ?? ((input, init) => fetch(input, init));
  const api = hc<Api>(base === "" ? "/" : base, { headers, fetch: call });
  const post: Post = async <T>(path: string, request: RequestInit, { idempotencyKey, signal }: SendOptions = {}) => {
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
  const large = largeBodies({ base, call, headers, post, wait: options.wait });
  const posts = { post, large };
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
    createRun: (head, rows, how) => postRows("/v1/runs", { head, rows }, posts, how),
    estimateRun: (head, rows, how) => postRows("/v1/runs/estimate", { head, rows }, posts, how),
    uploadManifest(rows, { question, ...how } = {}) {
      const query = question === undefined ? "" : `?${new URLSearchParams({ question })}`;
      return postRows(`/v1/manifests${query}`, { rows }, posts, how);
    },
    uploadImage: (body, how) => postImage(body, posts, how),
    async imageReference(bytes, how) {
      const most = await large.straightBytes();
      const inline = most === undefined || (bytes.size * 4) / 3 <= most / 2; // half of it is left to the words
      if (!inline) return (await postImage<Good<ImageAnswer>>(bytes, posts, how)).id;
      return `data:${bytes.type || "image/png"};base64,${base64(new Uint8Array(await bytes.arrayBuffer()))}`;
    },
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

type Posts = { post: Post; large: LargeBodies };

async function postImage<T>(
  body: Uint8Array<ArrayBuffer> | Blob,
  { post, large }: Posts,
  how?: SendOptions,
): Promise<T> {
  const bytes = body instanceof Blob ? body : new Blob([body]);
  if (fits(bytes.size, await large.straightBytes()))
    return post("/v1/images", { headers: { "content-type": "application/octet-stream" }, body }, how);
  return large.postUploaded("/v1/images", { bytes, kind: "image" }, how);
}

const fits = (bytes: number, most: number | undefined): boolean => most === undefined || bytes <= most;

const NDJSON = { "content-type": "application/x-ndjson" };
type Sending = { head?: object; rows: Rows | Blob };

/** As they are made where every body comes through; otherwise gathered, to know their length and hash. */
async function postRows<T>(
  path: string,
  { head, rows }: Sending,
  { post, large }: Posts,
  how?: SendOptions,
): Promise<T> {
  const most = await large.straightBytes();
  if (most === undefined && !(rows instanceof Blob)) {
    const lines = head === undefined ? rows : withHead(head, rows);
    return post(path, { headers: NDJSON, ...(await ndjsonBody(lines)) }, how);
  }
  const bytes = rows instanceof Blob ? rows : await collected(linePieces(rows));
  const body = head === undefined ? bytes : new Blob([`${JSON.stringify(head)}\n`, bytes]);
  if (fits(body.size, most)) return post(path, { headers: NDJSON, body }, how);
  return large.postUploaded(path, { bytes, kind: "rows", ...(head === undefined ? {} : { body: head }) }, how);
}

const BASE64_BYTES = 3 * 8192; // a multiple of three: pieces join without padding

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += BASE64_BYTES)
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + BASE64_BYTES)));
  return text;
}

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
