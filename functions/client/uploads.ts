/** Bodies that are too long to come through to the service: they are announced, sent to a URL of their own, and named. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { ServiceError, serviceError } from "./problem.ts";

export type SendOptions = { idempotencyKey?: string; signal?: AbortSignal };
export type Post = <T>(path: string, request: RequestInit, how?: SendOptions) => Promise<T>;
export type Wait = (seconds: number, signal: AbortSignal | undefined) => Promise<void>;

/** How a client reaches its service. `base` without a slash at its end; `""` is the page's own origin. */
export type Wire = {
  base: string;
  call: typeof fetch;
  headers: Record<string, string>;
  post: Post;
  /** Between tries. */
  wait?: Wait | undefined;
};

export type LargeBodies = {
  /** Bytes up to which a body may go straight; `undefined`: all may. Asked once. */
  straightBytes(): Promise<number | undefined>;
  /** Sends the bytes to an upload of their own, then posts `{...body, upload}`. */
  postUploaded<T>(path: string, sent: Uploading, how?: SendOptions): Promise<T>;
};
export type Uploading = { bytes: Blob; kind: "image" | "rows"; body?: object };

/** What is as long as a function of the deployment may work (15 minutes). Our choice: asked every 5 s. */
const PATIENCE_SECONDS = 900;
const ASK_EVERY_SECONDS = 5;

export function largeBodies(wire: Wire): LargeBodies {
  let limit: Promise<number | undefined> | undefined;
  return {
    straightBytes() {
      limit ??= askedLimit(wire).catch((error: unknown) => {
        limit = undefined; // the next one asks again
        throw error;
      });
      return limit;
    },
    async postUploaded<T>(path: string, { bytes, kind, body = {} }: Uploading, how: SendOptions = {}) {
      const upload = await uploaded(bytes, kind, wire, how.signal);
      const request = jsonRequest({ ...body, upload });
      const named = { ...how, idempotencyKey: how.idempotencyKey ?? crypto.randomUUID() };
      return untilAnswered(() => wire.post<T>(path, request, named), how.signal, wire.wait ?? waited);
    },
  };
}

async function askedLimit({ base, call, headers }: Wire): Promise<number | undefined> {
  const response = await call(`${base}/v1/limits`, { headers });
  if (response.status === 404) return undefined; // a service from before uploads
  if (!response.ok) throw await serviceError(response);
  return ((await response.json()) as { straight_bytes: number | null }).straight_bytes ?? undefined;
}

type Opened = { id: string; url: string; method: string; headers: Record<string, string> };

async function uploaded(
  bytes: Blob,
  kind: Uploading["kind"],
  { base, call, post }: Wire,
  signal: AbortSignal | undefined,
): Promise<string> {
  const announced = { bytes: bytes.size, sha256: await digestOf(bytes), kind };
  const how = signal === undefined ? {} : { signal };
  const { id, url, method, headers } = await post<Opened>("/v1/uploads", jsonRequest(announced), how);
  const { "content-length": _, ...others } = headers; // `fetch` tells the length of a Blob itself
  const address = url.startsWith("/") ? `${base}${url}` : url;
  const response = await call(address, { method, headers: others, body: bytes, ...how });
  // 412: the URL takes no other bytes than these, and it has them: an answer was lost on its way
  if (!response.ok && response.status !== 412) throw await serviceError(response);
  return id;
}

/** Piece by piece: a Blob may be a file that is larger than memory. */
async function digestOf(bytes: Blob): Promise<string> {
  const hash = sha256.create();
  const reader = bytes.stream().getReader(); // Safari has no async iteration of streams
  for (let read = await reader.read(); !read.done; read = await reader.read()) hash.update(read.value);
  return bytesToHex(hash.digest());
}

const jsonRequest = (value: object): RequestInit => ({
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value),
});

/** What stands before the service waits a minute for an answer; work on a large body goes on, and is asked for again. */
async function untilAnswered<T>(send: () => Promise<T>, signal: AbortSignal | undefined, wait: Wait): Promise<T> {
  for (let seconds = 0; ; ) {
    try {
      return await send();
    } catch (error) {
      if (!isUnderWay(error) || seconds >= PATIENCE_SECONDS) throw error;
      const pause = error.retryAfterSeconds ?? ASK_EVERY_SECONDS;
      seconds += pause;
      await wait(pause, signal);
    }
  }
}

const isUnderWay = (error: unknown): error is ServiceError =>
  error instanceof ServiceError &&
  (error.code === "idempotency.in_progress" || (error.code === "answer.unknown" && error.problem.status === 504));

function waited(seconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
