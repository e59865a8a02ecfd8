/** What DynamoDB refuses for a moment is asked again. */
import type { Clock } from "../../../shared/ports/clock.ts";
import type { Random } from "../../../shared/random.ts";

/** Our choice: on top of the two retries of the SDK's own, about half a minute of patience in all. */
const MOST_ATTEMPTS = 12;
const BASE_MS = 20; // our choice: twice the time a transaction takes
const CAP_MS = 5000; // our choice

export type Patience = { clock: Clock; random: Random };

/** AWS "Error handling with DynamoDB", and what a lost connection is called in Node and in the SDK. */
const PASSING = new Set([
  ...[
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "LimitExceededException",
  ],
  ...["InternalServerError", "ServiceUnavailable", "TransactionInProgressException", "TransactionConflictException"],
  ...["ReplicatedWriteConflictException", "TimeoutError", "NetworkingError", "ECONNRESET", "ECONNREFUSED", "EPIPE"],
  ...["ETIMEDOUT", "EAI_AGAIN"],
]);
const PASSING_REASONS = new Set(["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]);

type Told = {
  name?: string;
  code?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number };
  CancellationReasons?: { Code?: string }[];
};

/** A transaction that was cancelled, and nothing else, certainly changed nothing. */
export function isCancelled(error: unknown): error is Told & { CancellationReasons: { Code?: string }[] } {
  return (error as Told).name === "TransactionCanceledException";
}

export function isPassing(error: unknown): boolean {
  const { name = "", code = "", $metadata, CancellationReasons } = error as Told;
  if (PASSING.has(name) || PASSING.has(code) || ($metadata?.httpStatusCode ?? 0) >= 500) return true;
  return CancellationReasons?.some(({ Code = "" }) => PASSING_REASONS.has(Code)) ?? false;
}

/**
 * Full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS 2015).
 * @param again how often it was asked before
 * @returns milliseconds
 */
export function pauseMs(again: number, random: Random): number {
  return Math.round(random() * Math.min(CAP_MS, BASE_MS * 2 ** again));
}

/** Asks until it is answered or refused for good; after `MOST_ATTEMPTS` an error tells what to do. */
export async function patiently<T>(what: string, ask: () => Promise<T>, { clock, random }: Patience): Promise<T> {
  for (let again = 0; ; again++) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (again + 1 === MOST_ATTEMPTS) throw givenUp(what, error);
    }
    await clock.sleep(pauseMs(again, random));
  }
}

function givenUp(what: string, cause: unknown): Error {
  const { name, message } = cause as Told;
  return new Error(
    `${what}: DynamoDB refused ${MOST_ATTEMPTS} times, last with ${name}: ${message}; let fewer workers write at once, raise the table's limits, or repeat it later: it is safe to repeat`,
    { cause },
  );
}
