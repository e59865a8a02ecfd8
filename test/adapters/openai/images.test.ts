import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryBlobStore } from "../../../functions/adapters/memory/blob-store.ts";
import { mediaTypeOf } from "../../../functions/adapters/openai/images.ts";
import type { BlobStore } from "../../../shared/ports/blob-store.ts";
import type { ChatBody } from "../../../shared/schemas/chat.ts";
import { collected, line } from "../../contract/engine.ts";
import { clientOf, openaiServer, PNG, question } from "../../support/openai-server.ts";

function aboutImage(url: string, text: string): ChatBody {
  const content = [
    { type: "image_url" as const, image_url: { url } },
    { type: "text" as const, text },
  ];
  return { ...question(text), messages: [{ role: "user", content }] };
}

function counting(blobs: BlobStore): BlobStore & { reads: number } {
  const counted = {
    ...blobs,
    reads: 0,
    read: (key: string) => {
      counted.reads++;
      return blobs.read(key);
    },
  };
  return counted;
}

test("sends each image whole, in the order of the lines, and reads it once", async () => {
  await using server = await openaiServer();
  const blobs = counting(memoryBlobStore());
  const urls: string[] = [];
  for (const tail of [1, 2, 3])
    urls.push(`blob:${await blobs.writeContent(Buffer.concat([PNG, Buffer.from([tail])]))}`);
  const { engine } = clientOf(server, { blobs, maxConcurrency: 1 });
  const lines = urls.flatMap((url) =>
    [1, 2, 3, 4].map((at) => line(`${url} ${at}`, aboutImage(url, `question ${at}`))),
  );
  const replies = await collected(engine, lines);
  assert.ok(replies.every(({ outcome }) => outcome === "completed"));
  assert.deepEqual(
    server.engine.streamed.map(({ messages }) => messages),
    lines.map(({ body }) => body.messages),
  );
  assert.equal(blobs.reads, 3);
});

test("an image that is missing or no image fails its own lines and leaves the others alone", async () => {
  await using server = await openaiServer();
  const blobs = memoryBlobStore();
  const text = `blob:${await blobs.writeContent(Buffer.from("no image"))}`;
  const good = `blob:${await blobs.writeContent(PNG)}`;
  const { engine } = clientOf(server, { blobs });
  const lines = [text, `blob:${"ab".repeat(32)}`, good].map((url, at) => line(`${at}`, aboutImage(url, "?")));
  const failures = (await collected(engine, lines)).map((reply) =>
    reply.outcome === "failed" ? [reply.custom_id, reply.failure.code] : [reply.custom_id],
  );
  assert.deepEqual(failures.toSorted(), [["0", "image_unusable"], ["1", "image_unusable"], ["2"]]);
});

test("tells the kind of an image by its first bytes", () => {
  const kinds = [
    [0xff, 0xd8, 0xff, 0xe0],
    [...PNG],
    [...Buffer.from("RIFF1234WEBPVP8 ")],
    [...Buffer.from("GIF89a")],
    [...Buffer.from("RIFF1234WAVE")],
    [],
  ];
  assert.deepEqual(
    kinds.map((bytes) => mediaTypeOf(Uint8Array.from(bytes))),
    ["image/jpeg", "image/png", "image/webp", "image/gif", undefined, undefined],
  );
});
