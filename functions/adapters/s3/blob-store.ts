import { createHash } from "node:crypto";
import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { type BlobStore, type ByteRange, contentKey } from "../../../shared/ports/blob-store.ts";
import { type BlobBody, checkByteRange } from "../blob-body.ts";
import { checkKey, checkPrefix, isKey, unknownKey } from "../blob-keys.ts";
import { type Bucket, isMissing, s3Fault } from "./faults.ts";
import { getObject, Replaced } from "./get-object.ts";
import { Names } from "./names.ts";
import { checkSeconds } from "./presign.ts";
import { putObject } from "./put-object.ts";

/** Up to here one request, above parts of this size (our choice); S3 takes 10,000 parts, so a stream may have 78 GiB. */
const PART_BYTES = 8 * 1024 * 1024;
/** Times a blob is read from its start again because it was replaced (our choice). */
const READINGS = 5;

/** A bucket as BlobStore, with a write that happens once. */
export interface S3BlobStore extends BlobStore {
  /** Writes under a key that holds nothing yet; of several writers one wins. The bytes that were there first stay. */
  writeOnce(key: string, body: Uint8Array | string): Promise<{ outcome: "written" | "already_there" }>;
}

async function joined({ pieces, bytes }: { pieces: AsyncIterable<Uint8Array>; bytes: number }): Promise<Uint8Array> {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for await (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

async function readWhole(place: Bucket, key: string, range?: ByteRange): Promise<Uint8Array | undefined> {
  for (let reading = 1; ; reading++) {
    const opened = await getObject(place, key, range);
    try {
      return opened && (await joined(opened));
    } catch (error) {
      if (!(error instanceof Replaced) || reading === READINGS) throw error;
    }
  }
}

/** Whether there is an object under the key. */
async function exists({ client, bucket }: Bucket, key: string): Promise<boolean> {
  try {
    await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw s3Fault(error, `looking for ${JSON.stringify(key)}`, { client, bucket });
  }
}

/** S3 lists in the order of UTF-8 bytes, up to 1,000 keys a page. What the console or others left there is passed over. */
async function* keysIn(place: Bucket, prefix: string): AsyncIterable<string> {
  let token: string | undefined;
  do {
    const more = token === undefined ? {} : { ContinuationToken: token };
    const command = new ListObjectsV2Command({ Bucket: place.bucket, Prefix: prefix, ...more });
    const page = await place.client.send(command).catch((error: unknown) => {
      throw s3Fault(error, `listing ${JSON.stringify(prefix)}`, place);
    });
    for (const { Key } of page.Contents ?? []) if (Key !== undefined && isKey(Key)) yield Key;
    token = page.NextContinuationToken;
  } while (token !== undefined);
}

/**
 * A bucket of S3 as BlobStore. Every request carries a checksum (CRC32, the SDK's default) that S3 verifies. `url` lives at
 * most seven days, and no longer than the credentials that signed it.
 */
export function s3BlobStore({ client, bucket, partBytes = PART_BYTES }: Bucket & { partBytes?: number }): S3BlobStore {
  const place = { client, bucket };
  const names = new Names(place);

  async function put(key: string, body: BlobBody, once = false) {
    checkKey(key);
    try {
      await names.check(key);
      const written = await putObject(place, { key, body, partBytes, once });
      names.wrote(key);
      return written;
    } catch (error) {
      throw s3Fault(error, `writing ${JSON.stringify(key)}`, place);
    }
  }

  return {
    async write(key, body) {
      const { bytes } = await put(key, body);
      return { bytes };
    },
    async writeOnce(key, body) {
      const { outcome } = await put(key, body, true);
      return { outcome };
    },
    async writeContent(bytes) {
      const hash = createHash("sha256").update(bytes).digest("hex");
      const key = contentKey(hash);
      // the name is a hash: no folder can have it, so nobody is asked
      await putObject(place, { key, body: bytes, partBytes, once: true }).catch((error: unknown) => {
        throw s3Fault(error, `writing ${JSON.stringify(key)}`, place);
      });
      return hash;
    },
    async read(key, range) {
      checkKey(key);
      if (range) checkByteRange(range);
      if (range?.length === 0) return (await exists(place, key)) ? new Uint8Array() : undefined;
      return readWhole(place, key, range);
    },
    async *stream(key) {
      const opened = await getObject(place, checkKey(key));
      if (!opened) throw unknownKey(key);
      yield* opened.pieces;
    },
    async *list(prefix) {
      yield* keysIn(place, checkPrefix(prefix));
    },
    async url(key, seconds) {
      const expiresIn = checkSeconds(seconds);
      if (!(await exists(place, checkKey(key)))) throw unknownKey(key);
      return getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key: key }), { expiresIn });
    },
  };
}
