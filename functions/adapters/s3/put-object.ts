/** Writing an object whole, and writing it once. */
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { type BlobBody, utf8Chunks } from "../blob-body.ts";
import { type Bucket, isConcurrentWrite, isRefusedCondition, isUnknownUpload } from "./faults.ts";

/** Parts in flight at once (our choice: memory is at most this many parts and one). */
const PARTS_IN_FLIGHT = 4;
/** Metadata by which a write recognises its own object after a lost reply. */
const WRITE_ID = "write-id";
/** Tries of a conditional write that meets another one, with pauses of 50 ms, doubled each time (our choice). */
const MEETINGS = 6;
const FIRST_PAUSE_MS = 50;

type Put = { key: string; body: BlobBody; partBytes: number; once?: boolean };

async function* counted(chunks: AsyncIterable<Uint8Array>, count: (bytes: number) => void): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    count(chunk.length);
    yield chunk;
  }
}

/** Bytes in memory as one buffer without a copy; a stream as one that tells its length while it is read. */
function sourceOf(body: BlobBody): { body: Buffer | Readable; bytes: () => number } {
  if (typeof body === "string" || body instanceof Uint8Array) {
    const buffer =
      typeof body === "string" ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    return { body: buffer, bytes: () => buffer.length };
  }
  let total = 0;
  const chunks = counted(utf8Chunks(body), (bytes) => {
    total += bytes;
  });
  return { body: Readable.from(chunks), bytes: () => total };
}

/** Whether the object under the key is the one this write made, though S3 says that it made none. */
async function isOurs({ client, bucket }: Bucket, key: string, writeId: string): Promise<boolean> {
  try {
    const { Metadata } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    return Metadata?.[WRITE_ID] === writeId;
  } catch {
    return false; // the fault of the write itself is the one to tell
  }
}

async function attempt(place: Bucket, { key, body, partBytes, once = false }: Put) {
  const writeId = randomUUID();
  const source = sourceOf(body);
  const condition = once ? { IfNoneMatch: "*" } : {};
  const params = { Bucket: place.bucket, Key: key, Body: source.body, Metadata: { [WRITE_ID]: writeId }, ...condition };
  try {
    await new Upload({ client: place.client, params, partSize: partBytes, queueSize: PARTS_IN_FLIGHT }).done();
  } catch (error) {
    const lostReply = isUnknownUpload(error) || (once && isRefusedCondition(error));
    if (lostReply && (await isOurs(place, key, writeId))) return { outcome: "written" as const, bytes: source.bytes() };
    if (once && isRefusedCondition(error)) return { outcome: "already_there" as const, bytes: source.bytes() };
    throw error;
  }
  return { outcome: "written" as const, bytes: source.bytes() };
}

/**
 * Writes the object whole: up to `partBytes` in one request, above in parts that become visible together and are thrown
 * away when one fails. With `once`, S3 decides between writers (If-None-Match) and the body must lie in memory.
 */
export async function putObject(
  place: Bucket,
  put: Put,
): Promise<{ outcome: "written" | "already_there"; bytes: number }> {
  for (let meeting = 1; ; meeting++) {
    try {
      return await attempt(place, put);
    } catch (error) {
      if (!put.once || !isConcurrentWrite(error) || meeting === MEETINGS) throw error;
      await pause(FIRST_PAUSE_MS * 2 ** (meeting - 1) * (0.5 + Math.random() / 2));
    }
  }
}
