import { SFNClient } from "@aws-sdk/client-sfn";

export type StepFunctionsSettings = {
  region: string;
  /** Of another server that speaks the protocol. Left out: AWS. */
  endpoint?: string;
  /** Left out: those of the process, which on Lambda are its role's. */
  credentials?: { accessKeyId: string; secretAccessKey: string };
  /** Of one request, the first included. */
  attempts?: number;
};

/** Throttling doubles the pause up to 20 s: buckets refill at 300 reports or starts a second (AWS's quotas), attempts are our choice. */
const ATTEMPTS = 8;
const REQUEST_TIMEOUT_MS = 15_000; // our choice: answers are small
const CONNECT_TIMEOUT_MS = 5000; // our choice

/** A client that repeats throttled, lost and failed requests, a bounded number of times. Every request it repeats may be made twice. */
export function openStepFunctionsClient(settings: StepFunctionsSettings): SFNClient {
  const { region, endpoint, credentials, attempts = ATTEMPTS } = settings;
  return new SFNClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    retryMode: "standard",
    maxAttempts: attempts,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  });
}
