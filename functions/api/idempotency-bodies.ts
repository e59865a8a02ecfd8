/** Bodies that are to be known before or after somebody else reads them, without holding large ones in memory. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

type Bytes = ReadableStream<Uint8Array<ArrayBuffer>>;

/** A body of at most `limit` bytes; or, when there are more, the whole stream again from its first byte. */
export async function readSmall(
  body: Bytes,
  limit: number,
): Promise<{ bytes: Uint8Array<ArrayBuffer> } | { stream: Bytes }> {
  const reader = body.getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  while (size <= limit) {
    const { done, value } = await reader.read();
    if (done) return { bytes: joined(chunks, size) };
    chunks.push(value);
    size += value.length;
  }
  return {
    stream: streamOf(
      () => nextOf(chunks, reader),
      (reason) => reader.cancel(reason),
    ),
  };
}

type Next = { done: false; value: Uint8Array<ArrayBuffer> } | { done: true; value?: unknown };

async function nextOf(chunks: Uint8Array<ArrayBuffer>[], reader: ReadableStreamDefaultReader): Promise<Next> {
  const value = chunks.shift();
  return value === undefined ? reader.read() : { done: false, value };
}

/** Nothing is read before it is asked for. */
function streamOf(next: () => Promise<Next>, cancel: (reason: unknown) => Promise<void>): Bytes {
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel,
    },
    { highWaterMark: 0 },
  );
}

/** The same bytes, and their digest once they have been read to the end; `undefined` before. */
export function hashedOnTheWay(body: Bytes): { stream: Bytes; digest: () => string | undefined } {
  const reader = body.getReader();
  const hash = sha256.create();
  let size = 0;
  let digest: string | undefined;
  async function next(): Promise<Next> {
    const read = await reader.read();
    if (read.done) digest = `${size} ${bytesToHex(hash.digest())}`;
    else {
      hash.update(read.value);
      size += read.value.length;
    }
    return read;
  }
  return { stream: streamOf(next, (reason) => reader.cancel(reason)), digest: () => digest };
}

/** Whether a body is the one `digest` was made of. Reads it, and no further than the length that is expected. */
export async function hasDigest(body: Bytes, digest: string): Promise<boolean> {
  const expected = Number(digest.split(" ")[0]);
  const hashed = hashedOnTheWay(body);
  let size = 0;
  for await (const chunk of hashed.stream) {
    size += chunk.length;
    if (size > expected) return false; // leaving the loop cancels the stream
  }
  return hashed.digest() === digest;
}

/** The same bytes; `ended` is awaited once, before the end is passed on, or when the reader goes away or reading fails. */
export function thenDo(body: Bytes, ended: () => Promise<void>): Bytes {
  const reader = body.getReader();
  async function next(): Promise<Next> {
    try {
      const read = await reader.read();
      if (read.done) await ended();
      return read;
    } catch (error) {
      await ended();
      throw error;
    }
  }
  return streamOf(next, async (reason) => {
    await reader.cancel(reason).finally(ended);
  });
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
