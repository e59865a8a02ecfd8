/** Large bodies over a bucket: the API presigns, the client sends to S3, the API takes from there. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import sharp from "sharp";
import { memoryStateStore } from "../../functions/adapters/memory/state-store.ts";
import { s3BlobStore } from "../../functions/adapters/s3/blob-store.ts";
import { presignedUploads } from "../../functions/adapters/s3/presign.ts";
import { connect, jsonOf, ServiceError } from "../../functions/client/client.ts";
import { serviceImages } from "../../functions/intake/service-images.ts";
import { sha256Hex } from "../../shared/ids.ts";
import { picture } from "../intake/support.ts";
import { openTestApi, problemIn } from "../support/api.ts";
import { recordedRuns } from "../support/api-runs.ts";
import { openTestCloud } from "../support/cloud/test-cloud.ts";
import { noDynamo } from "../support/dynamo-local.ts";
import { type Emulator, freshBucket, noMoto, startFaux, startMoto } from "../support/s3-emulators.ts";
import { testConfig } from "../support/scored-run.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const { data: _, ...CONFIG } = testConfig();
const MOST = 2000; // bytes
const MIB = 1024 * 1024;

/** A PNG that cannot be compressed. */
async function noise(side: number): Promise<Uint8Array<ArrayBuffer>> {
  const raw = { width: side, height: side, channels: 3 } as const;
  return new Uint8Array(
    await sharp(randomBytes(side * side * 3), { raw })
      .png()
      .toBuffer(),
  );
}

const emulators = [
  { name: "moto", start: startMoto, missing: noMoto, once: true },
  { name: "fauxqs", start: startFaux, missing: false as const, once: false }, // passes over If-None-Match
];

for (const { name, start, missing, once } of emulators) {
  describe(`uploads over ${name}`, { skip: missing }, () => {
    let emulator: Emulator;
    before(async () => {
      emulator = await start();
    });
    after(() => emulator.stop());

    async function opened() {
      const place = await freshBucket(emulator);
      const blobs = s3BlobStore(place);
      const uploads = presignedUploads({ ...place, straightBytes: MOST });
      const clock = { now: () => Date.now() };
      const images = serviceImages({ blobs, clock, web: false });
      const store = memoryStateStore();
      const runs = recordedRuns({ store, blobs, clock: virtualClock(Date.now()) });
      const api = await openTestApi("memory", { store, blobs, uploads, images, runs });
      const calls: string[] = [];
      const fetching = (async (input, init) => {
        const url = new URL(input as string);
        calls.push(`${init?.method ?? "GET"} ${url.origin === emulator.endpoint ? "bucket" : url.pathname}`);
        return url.origin === emulator.endpoint ? fetch(url, init) : api.app.request(input as string, init);
      }) as typeof fetch;
      const client = connect("http://service", { apiKey: api.admin, fetch: fetching });
      return { api, client, calls, blobs, uploads, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() };
    }

    test("an image above the edge's limit goes to the bucket and is taken from there", async () => {
      await using cloud = await opened();
      const bytes = await noise(700);
      assert.ok(bytes.length > MIB);
      const { id, width } = await cloud.client.uploadImage(bytes);
      assert.equal(width, 700);
      assert.deepEqual(cloud.calls, ["GET /v1/limits", "POST /v1/uploads", "PUT bucket", "POST /v1/images"]);
      assert.equal(sha256Hex((await cloud.blobs.read(`blobs/${id}`))!), id);
    });

    test("rows above the limit become a manifest and a run", async () => {
      await using cloud = await opened();
      const { id: image } = await cloud.client.uploadImage(new Uint8Array(await picture("png", 1, 8)));
      const rows = Array.from({ length: 400 }, (__, at) => ({ image, question: `What is there, ${at}?` }));
      assert.equal((await cloud.client.uploadManifest(rows)).samples, 400);
      assert.equal((await cloud.client.createRun({ config: CONFIG }, rows)).samples.data, 400);
    });

    test("a page may send to the bucket's origin, and the URL is of it", async () => {
      await using cloud = await opened();
      assert.equal(await cloud.uploads.origin(), emulator.endpoint);
    });

    test("other bytes of the same length do not pass as the announced ones", async () => {
      await using cloud = await opened();
      const announced = { bytes: 4, sha256: sha256Hex("good"), kind: "rows" };
      const { id, url, method, headers } = (await (await cloud.api.post("/v1/uploads", announced)).json()) as {
        id: string;
        url: string;
        method: string;
        headers: Record<string, string>;
      };
      await fetch(url, { method, headers, body: "evil" }); // S3 refuses it (400); the emulators keep it
      const taken = await problemIn(cloud.api.post("/v1/manifests", { upload: id }));
      assert.ok(["upload.other_bytes", "upload.not_sent"].includes(taken.code), taken.code);
      const listed = [];
      for await (const key of cloud.blobs.list("manifests/")) listed.push(key);
      assert.deepEqual(listed, []);
    });

    test("a URL is used once, and a client whose bytes are there already goes on", { skip: !once }, async () => {
      await using cloud = await opened();
      const announced = { bytes: 4, sha256: sha256Hex("good"), kind: "rows" };
      const opening = await cloud.api.post("/v1/uploads", announced);
      const { url, method, headers } = (await opening.json()) as {
        url: string;
        method: string;
        headers: Record<string, string>;
      };
      const send = async () => (await fetch(url, { method, headers, body: "good" })).status;
      assert.deepEqual([await send(), await send()], [200, 412]);
    });

    test("what the bucket refuses is told as an answer that is none of the service's", async () => {
      await using cloud = await opened();
      const gone = (async (input, init) =>
        init?.method === "PUT"
          ? fetch(`${emulator.endpoint}/no-such-bucket-here/key`, init)
          : cloud.api.app.request(input as string, init)) as typeof fetch;
      const client = connect("http://service", { apiKey: cloud.api.admin, fetch: gone });
      const sent = client.uploadImage(new Uint8Array(await picture("png", 1, 64)));
      await assert.rejects(sent, (error) => error instanceof ServiceError && error.code === "answer.unknown");
    });
  });
}

describe("the deployment as it is put together", { skip: noDynamo }, () => {
  test("an image above the edge's 900 kB goes to its bucket, and keys are given from its table", async () => {
    await using cloud = await openTestCloud();
    const limits = await jsonOf(cloud.client.api.v1.limits.$get());
    assert.equal(limits.straight_bytes, 900_000);
    const bytes = await noise(700);
    const { id } = await cloud.client.uploadImage(bytes);
    assert.equal(sha256Hex((await cloud.bucket.read(`blobs/${id}`))!), id);
    const uploads = [];
    for await (const key of cloud.bucket.list("uploads/")) uploads.push(key);
    assert.deepEqual(uploads, [uploads[0], `${uploads[0]}.json`]);

    const { v1 } = cloud.client.api;
    const made = await jsonOf(v1.keys.$post({ json: { name: "ann", scopes: ["runs:read"] }, header: {} }));
    const ann = connect(cloud.client.baseUrl, { apiKey: made.key });
    assert.deepEqual((await jsonOf(ann.api.v1.usage.$get())).scopes, ["runs:read"]);
    assert.equal((await jsonOf(v1.keys[":id"].$delete({ param: { id: made.id } }))).outcome, "revoked");
    await assert.rejects(
      jsonOf(ann.api.v1.usage.$get()),
      (error) => error instanceof ServiceError && error.code === "key.revoked",
    );
  });
});
