/** Permission to write one object, for somebody who holds no credentials. */
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { Uploads } from "../../../shared/ports/uploads.ts";
import { checkKey } from "../blob-keys.ts";
import type { Bucket } from "./faults.ts";

/** SigV4's own limit. */
const LONGEST_SECONDS = 7 * 24 * 3600;
/** Of one PUT (S3's limit). */
const MOST_BYTES = 5 * 1024 ** 3;

export function checkSeconds(seconds: number): number {
  if (Number.isSafeInteger(seconds) && seconds >= 1 && seconds <= LONGEST_SECONDS) return seconds;
  throw new RangeError(`seconds is ${seconds}: a URL lives 1 to ${LONGEST_SECONDS} seconds, in whole ones`);
}

/** `sha256`: 64 hex digits, of the bytes to come. */
export type Upload = { key: string; bytes: number; sha256: string; seconds: number };

function checkUpload({ bytes, sha256 }: Upload): void {
  if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > MOST_BYTES)
    throw new RangeError(`bytes is ${bytes}: one PUT takes 0 to ${MOST_BYTES} bytes; put more into several objects`);
  if (!/^[0-9a-f]{64}$/.test(sha256))
    throw new RangeError(`sha256 is ${JSON.stringify(sha256)}: give the hash of the bytes as 64 lower-case hex digits`);
}

/**
 * A URL for one PUT of exactly these bytes, and the headers that must go with it. All of them are signed. S3 refuses a
 * request without them or with other values (403), bytes whose SHA-256 is not the header's (400), and a key that is taken
 * (412). A browser sends `content-length` by itself, from the body. The key may be written until the URL expires, once.
 *
 * A presigned POST would know a range of lengths; here both length and hash are known beforehand, and then a PUT says more.
 */
export async function presignUpload(
  { client, bucket }: Bucket,
  upload: Upload,
): Promise<{ url: string; headers: Record<string, string> }> {
  checkUpload(upload);
  const checksum = Buffer.from(upload.sha256, "hex").toString("base64");
  const command = new PutObjectCommand({
    Bucket: bucket,
    Key: checkKey(upload.key),
    ContentLength: upload.bytes,
    ChecksumSHA256: checksum,
    IfNoneMatch: "*",
  });
  const headers = {
    "content-length": String(upload.bytes),
    "if-none-match": "*",
    "x-amz-checksum-sha256": checksum,
  };
  // S3 reads the checksum from the headers only: in the URL it would be ignored
  const url = await getSignedUrl(client, command, {
    expiresIn: checkSeconds(upload.seconds),
    signableHeaders: new Set(["host", ...Object.keys(headers)]),
    unhoistableHeaders: new Set(["x-amz-checksum-sha256"]),
  });
  return { url, headers };
}

/** Bodies up to `straightBytes` come to the service itself, larger ones straight to the bucket. */
export function presignedUploads({ straightBytes, ...place }: Bucket & { straightBytes: number }): Uploads {
  return {
    straightBytes,
    async origin() {
      const anything = { key: "uploads/none", bytes: 0, sha256: "0".repeat(64), seconds: 1 };
      return new URL((await presignUpload(place, anything)).url).origin;
    },
    permit: (target) => presignUpload(place, target),
  };
}
