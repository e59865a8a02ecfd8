/** The table of docs/emulators.md: where emulators differ from S3. A flaw that is mended fails here, so that its promise can be tested. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { presignUpload } from "../../../functions/adapters/s3/presign.ts";
import { type Emulator, freshBucket, noMoto, startFaux, startMoto } from "../../support/s3-emulators.ts";

type Place = Awaited<ReturnType<typeof freshBucket>>;

/** Each gives what the emulator does. */
const probes: Record<string, (place: Place) => Promise<unknown>> = {
  "a write under If-None-Match where the key is taken": async ({ client, bucket }) => {
    const put = new PutObjectCommand({ Bucket: bucket, Key: "k", Body: "x", IfNoneMatch: "*" });
    await client.send(put);
    return client.send(put).then(
      () => "replaces",
      ({ name }: Error) => name,
    );
  },
  "bytes whose SHA-256 is not the header's": async ({ client, bucket }) => {
    const ChecksumSHA256 = createHash("sha256").update("other").digest("base64");
    return client.send(new PutObjectCommand({ Bucket: bucket, Key: "k", Body: "x", ChecksumSHA256 })).then(
      () => "stored",
      ({ name }: Error) => name,
    );
  },
  "a presigned PUT with a signature of somebody else": async (place) => {
    const sha256 = createHash("sha256").update("x").digest("hex");
    const { url, headers } = await presignUpload(place, { key: "k", bytes: 1, sha256, seconds: 60 });
    const forged = url.replace(/X-Amz-Signature=[0-9a-f]+/, `X-Amz-Signature=${"0".repeat(64)}`);
    return (await fetch(forged, { method: "PUT", headers, body: "x" })).status;
  },
  "the order of a list": async ({ client, bucket }) => {
    for (const Key of ["a", "_", "B"]) await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: Key }));
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents?.map(({ Key }) => Key).join("");
  },
};

const S3 = ["PreconditionFailed", "BadDigest", 403, "B_a"];
const emulators = [
  { name: "moto", start: startMoto, missing: noMoto, does: ["PreconditionFailed", "stored", 200, "B_a"] },
  { name: "fauxqs", start: startFaux, missing: false as const, does: ["replaces", "stored", 200, "_aB"] },
];

for (const { name, start, missing, does } of emulators) {
  describe(`${name} beside S3`, { skip: missing }, () => {
    let emulator: Emulator;
    before(async () => {
      emulator = await start();
    });
    after(() => emulator.stop());

    for (const [at, [what, probe]] of Object.entries(probes).entries()) {
      test(`${what}: ${does[at] === S3[at] ? "as S3" : `${does[at]}, S3 ${S3[at]}`}`, async () => {
        assert.equal(await probe(await freshBucket(emulator)), does[at]);
      });
    }
  });
}
