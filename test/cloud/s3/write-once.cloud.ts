import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { s3BlobStore } from "../../../functions/adapters/s3/blob-store.ts";
import { presignUpload } from "../../../functions/adapters/s3/presign.ts";
import { contentKey } from "../../../shared/ports/blob-store.ts";
import { firstTimes, openFaultProxy } from "../../support/fault-proxy.ts";
import { type Emulator, freshBucket, noMoto, startFaux, startMoto } from "../../support/s3-emulators.ts";

const PART_BYTES = 5 * 1024 * 1024;
const FAUX_OVERWRITES = "fauxqs passes over If-None-Match: a second write replaces the first";

const emulators = [
  { name: "moto", start: startMoto, missing: noMoto, overwrites: false as const },
  { name: "fauxqs", start: startFaux, missing: false as const, overwrites: FAUX_OVERWRITES },
];

for (const { name, start, missing, overwrites } of emulators) {
  describe(`writing once on ${name}`, { skip: missing }, () => {
    let emulator: Emulator;
    before(async () => {
      emulator = await start();
    });
    after(() => emulator.stop());

    async function opened(endpoint = emulator.endpoint) {
      const place = await freshBucket({ endpoint });
      return { ...place, blobs: s3BlobStore({ ...place, partBytes: PART_BYTES }) };
    }

    test("the first bytes stay", { skip: overwrites }, async () => {
      const { blobs } = await opened();
      assert.deepEqual(await blobs.writeOnce("a", "first"), { outcome: "written" });
      assert.deepEqual(await blobs.writeOnce("a", "second"), { outcome: "already_there" });
      assert.equal(Buffer.from((await blobs.read("a"))!).toString(), "first");
    });

    test("of sixteen writers one wins, and its bytes are there", { skip: overwrites }, async () => {
      const { blobs } = await opened();
      const writers = Array.from({ length: 16 }, (_, n) => n);
      const outcomes = await Promise.all(writers.map((n) => blobs.writeOnce("contested", `writer ${n}`)));
      const winners = writers.filter((n) => outcomes[n]!.outcome === "written");
      assert.equal(winners.length, 1);
      assert.equal(Buffer.from((await blobs.read("contested"))!).toString(), `writer ${winners[0]}`);
    });

    test("content that is there is not written again, in one request or in parts", { skip: overwrites }, async () => {
      const { blobs, client, bucket } = await opened();
      for (const bytes of [Buffer.from("small"), Buffer.alloc(PART_BYTES + 1, "large")]) {
        const Key = contentKey(await blobs.writeContent(bytes));
        const first = await client.send(new HeadObjectCommand({ Bucket: bucket, Key }));
        await blobs.writeContent(bytes);
        const second = await client.send(new HeadObjectCommand({ Bucket: bucket, Key }));
        assert.deepEqual(second.Metadata, first.Metadata, "the object of the first write");
      }
    });

    test("a write whose reply was lost knows its own object again", { skip: overwrites }, async () => {
      const proxy = await openFaultProxy(emulator.endpoint);
      try {
        const { blobs } = await opened(proxy.endpoint);
        const put =
          (key: string) =>
          ({ method, path }: { method: string; path: string }) =>
            method === "PUT" && path.includes(`/${key}?`);
        proxy.breakWith(firstTimes(1, put("ours"), { kind: "lose_reply" }));
        assert.deepEqual(await blobs.writeOnce("ours", "text"), { outcome: "written" });
        assert.equal(proxy.asked.filter(put("ours")).length, 2);
        await blobs.write("theirs", "text");
        assert.deepEqual(await blobs.writeOnce("theirs", "text"), { outcome: "already_there" });
      } finally {
        await proxy.stop();
      }
    });

    test("an upload URL takes the bytes it was made for", async () => {
      const { client, bucket, blobs } = await opened();
      const body = "a manifest\n";
      const sha256 = createHash("sha256").update(body).digest("hex");
      const { url, headers } = await presignUpload({ client, bucket }, { key: "in/m", bytes: 11, sha256, seconds: 60 });
      assert.equal((await fetch(url, { method: "PUT", headers, body })).status, 200);
      assert.equal(Buffer.from((await blobs.read("in/m"))!).toString(), body);
    });

    test("the bytes of a URL are the object's", async () => {
      const { blobs } = await opened();
      await blobs.write("page", "<p>");
      assert.equal(await (await fetch(await blobs.url("page", 60))).text(), "<p>");
      await assert.rejects(blobs.url("page", 604_801), /seconds is 604801/);
    });
  });
}
