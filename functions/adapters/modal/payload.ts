/** A job as it goes to Modal: small, and the same in Python as here. */

/**
 * Most bytes of a job as JSON. Modal takes 8 KiB of encoded arguments with the request (SDK 0.11.1) and wants an upload
 * of its own above that; numbers may be longer encoded than as JSON, so a quarter is left free (our choice).
 */
export const JOB_BYTES = 6_144;
const WHOLE_IN_32_BITS = 2 ** 32;

/**
 * Keys without a value are left out (Python would get an object called `undefined`), and whole numbers that need more than
 * 32 bits become BigInt (a number would arrive as a float).
 */
export function wireValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => wireValue(item) ?? null);
  if (typeof value === "number") return Number.isSafeInteger(value) && !fits(value) ? BigInt(value) : value;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.map(([name, field]) => [name, wireValue(field)]));
}

const fits = (value: number): boolean => Math.abs(value) < WHOLE_IN_32_BITS;

/** Throws when the job is too large to travel with its request, and names the field that makes it so. */
export function checkSize(job: { call: string }): void {
  const bytes = bytesOf(job);
  if (bytes <= JOB_BYTES) return;
  const [largest] = Object.entries(job).sort(([, a], [, b]) => bytesOf(b) - bytesOf(a));
  throw new Error(
    `the job of call ${job.call} has ${bytes} bytes, more than ${JOB_BYTES}; its largest field is ${largest?.[0]} ` +
      `with ${bytesOf(largest?.[1])}: put the data into the bucket and name its key in the job`,
  );
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? "");
