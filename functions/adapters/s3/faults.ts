/** What S3 says, told apart. */
import type { S3Client } from "@aws-sdk/client-s3";

/** A bucket as this process reaches it. */
export type Bucket = { client: S3Client; bucket: string };

type Answer = Error & { $metadata?: { httpStatusCode?: number; attempts?: number; requestId?: string } };

export const statusOf = (error: unknown): number | undefined => (error as Answer).$metadata?.httpStatusCode;

const nameOf = (error: unknown): string => (error as Error).name;

/** A HEAD has no body to say which kind of 404 it is: a missing bucket is told by the requests that have one. */
export const isMissing = (error: unknown): boolean => ["NoSuchKey", "NotFound"].includes(nameOf(error));
export const isPastEnd = (error: unknown): boolean => nameOf(error) === "InvalidRange" || statusOf(error) === 416;
/** Of If-None-Match and If-Match. */
export const isRefusedCondition = (error: unknown): boolean =>
  nameOf(error) === "PreconditionFailed" || statusOf(error) === 412;
/** Two conditional writes met; S3 wants the later one to be sent again. */
export const isConcurrentWrite = (error: unknown): boolean => nameOf(error) === "ConditionalRequestConflict";
export const isUnknownUpload = (error: unknown): boolean => nameOf(error) === "NoSuchUpload";

const WAYS_OUT: Record<string, string> = {
  NoSuchBucket: "create the bucket or correct RLAIFV_BUCKET",
  AccessDenied:
    "the role needs s3:GetObject, s3:PutObject and s3:ListBucket (without the last S3 says 403 for missing keys)",
  Forbidden:
    "the role needs s3:GetObject, s3:PutObject and s3:ListBucket (without the last S3 says 403 for missing keys)",
  SlowDown: "S3 asks for fewer requests under this prefix; lower the run's concurrency or try later",
};

/** An answer of S3 with the key, the bucket and the way out in it; anything else, such as a broken source, as it is. */
export function s3Fault(error: unknown, doing: string, { bucket }: Bucket): unknown {
  const { $metadata, message, name } = error as Answer;
  if ($metadata === undefined) return error;
  const tries = $metadata.attempts === undefined ? "" : ` (attempts: ${$metadata.attempts})`;
  const way = WAYS_OUT[name] === undefined ? "" : `; ${WAYS_OUT[name]}`;
  return new Error(`S3 bucket ${JSON.stringify(bucket)}, ${doing}: ${name}: ${message}${tries}${way}`, {
    cause: error,
  });
}
