/** Reading an object, or a part of it, through connections that may break. */
import type { Readable } from "node:stream";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import type { ByteRange } from "../../../shared/ports/blob-store.ts";
import { type Bucket, isMissing, isPastEnd, isRefusedCondition, s3Fault } from "./faults.ts";

/** Connections one reading may use (our choice); the SDK repeats a request only until its answer begins. */
const CONNECTIONS = 5;

/** The object changed while it was read: what came so far is of the old one. */
export class Replaced extends Error {}

type Wanted = { key: string; offset: number; end: number | undefined; etag?: string | undefined };
type Opened = { body: Readable; etag: string | undefined; end: number };

const headerOf = ({ offset, end }: Wanted): { Range?: string } => {
  if (offset === 0 && end === undefined) return {};
  return { Range: `bytes=${offset}-${end === undefined ? "" : end - 1}` };
};

async function open({ client, bucket }: Bucket, wanted: Wanted): Promise<Opened> {
  const condition = wanted.etag === undefined ? {} : { IfMatch: wanted.etag };
  const command = new GetObjectCommand({ Bucket: bucket, Key: wanted.key, ...headerOf(wanted), ...condition });
  const { Body, ETag, ContentLength } = await client.send(command);
  return { body: Body as Readable, etag: ETag, end: wanted.offset + (ContentLength ?? 0) };
}

/** Goes on where a connection broke, with the same object or not at all. */
async function* pieces(place: Bucket, wanted: Wanted, first: Opened): AsyncIterable<Uint8Array> {
  let opened = first;
  let at = wanted.offset;
  for (let connection = 1; ; connection++) {
    try {
      for await (const piece of opened.body as AsyncIterable<Buffer>) {
        at += piece.length;
        yield new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
      }
      return;
    } catch (error) {
      if (at >= first.end || connection === CONNECTIONS) throw broken(error, wanted.key, { at, connection, place });
    }
    opened = await again(place, { ...wanted, offset: at, end: first.end, etag: first.etag });
  }
}

function broken(
  error: unknown,
  key: string,
  { at, connection, place }: { at: number; connection: number; place: Bucket },
) {
  const what = `reading ${JSON.stringify(key)} broke off at byte ${at} on connection ${connection}`;
  return new Error(`S3 bucket ${JSON.stringify(place.bucket)}, ${what}: ${(error as Error).message}`, { cause: error });
}

async function again(place: Bucket, wanted: Wanted): Promise<Opened> {
  try {
    return await open(place, wanted);
  } catch (error) {
    if (isRefusedCondition(error) || isMissing(error))
      throw new Replaced(`blob ${JSON.stringify(wanted.key)} was replaced while it was read: read it again`);
    throw s3Fault(error, `reading ${JSON.stringify(wanted.key)}`, place);
  }
}

async function* nothing(): AsyncIterable<Uint8Array> {}

/** `undefined` where there is no such object. A range past the end has no pieces. `bytes`: how many will come. */
export async function getObject(
  place: Bucket,
  key: string,
  range?: ByteRange,
): Promise<{ pieces: AsyncIterable<Uint8Array>; bytes: number } | undefined> {
  const offset = range?.offset ?? 0;
  const wanted = { key, offset, end: range === undefined ? undefined : offset + range.length };
  try {
    const first = await open(place, wanted);
    return { pieces: pieces(place, wanted, first), bytes: first.end - offset };
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (isPastEnd(error)) return { pieces: nothing(), bytes: 0 };
    throw s3Fault(error, `reading ${JSON.stringify(key)}`, place);
  }
}
