import { S3Client } from "@aws-sdk/client-s3";

export type S3Settings = {
  region: string;
  /** Of another server that speaks S3; its buckets are paths then. Left out: AWS. */
  endpoint?: string;
  /** Left out: those of the process, which on Lambda are its role's. */
  credentials?: { accessKeyId: string; secretAccessKey: string };
  /** Longest wait for the head of one answer, ms; the bytes after it may take longer. */
  requestTimeoutMs?: number;
  /** Of one request, the first included. */
  attempts?: number;
};

/** Throttling doubles the pause up to 20 s: the last of six attempts comes a good half minute after the first (our choice). */
const ATTEMPTS = 6;
/** A part of 8 MiB at 1.1 Mbit/s (our choice: below the 15 minutes of a Lambda even when all attempts take so long). */
const REQUEST_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 5000; // our choice
/** Requests on their way at once (our choice; a bucket takes thousands a second). */
const IN_FLIGHT = 64;
/** Bodies that are still being read hold a socket beside those. */
const SOCKETS = 256;
/** Silence in the middle of a body, after which it is asked for again from there (our choice). */
const SILENCE_MS = 20_000;

/** At most so many at once; the others wait in the order in which they came. */
function turnstile(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = most;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((enter) => waiting.push(enter));
    try {
      return await work();
    } finally {
      const enter = waiting.shift();
      if (enter === undefined) free++;
      else enter();
    }
  };
}

/**
 * A client whose attempts are bounded in number and time. The SDK repeats 5xx, SlowDown, time-outs and lost connections;
 * every body the store sends lies in memory, so that it can.
 */
export function openS3Client(settings: S3Settings): S3Client {
  const { region, endpoint, credentials, requestTimeoutMs = REQUEST_TIMEOUT_MS, attempts = ATTEMPTS } = settings;
  const sockets = { maxSockets: SOCKETS, keepAlive: true };
  const client = new S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(credentials === undefined ? {} : { credentials }),
    retryMode: "standard",
    maxAttempts: attempts,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: SILENCE_MS,
      httpAgent: sockets,
      httpsAgent: sockets,
    },
  });
  // a crowd waits here, before its clocks start: to the SDK, waiting for a free socket is a slow connection
  const enter = turnstile(IN_FLIGHT);
  client.middlewareStack.add((next) => (request) => enter(() => next(request)), {
    step: "deserialize",
    priority: "high",
    name: "turnstile",
  });
  return client;
}
