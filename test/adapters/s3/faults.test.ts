/** What the S3 store does when S3 or the way to it fails; the server behind the faults is fauxqs. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ListMultipartUploadsCommand } from "@aws-sdk/client-s3";
import { s3BlobStore } from "../../../functions/adapters/s3/blob-store.ts";
import type { S3Settings } from "../../../functions/adapters/s3/client.ts";
import { allOf } from "../../support/all-of.ts";
import { type Asked, type FaultProxy, firstTimes, openFaultProxy, s3Error } from "../../support/fault-proxy.ts";
import { type Emulator, freshBucket, startFaux } from "../../support/s3-emulators.ts";

const PART_BYTES = 5 * 1024 * 1024;
let faux: Emulator;
before(async () => {
  faux = await startFaux();
});
after(() => faux.stop());

type Tested = Awaited<ReturnType<typeof freshBucket>> & { proxy: FaultProxy; blobs: ReturnType<typeof s3BlobStore> };

const brokenS3 = (settings: Partial<S3Settings>, check: (tested: Tested) => Promise<void>) => async () => {
  const proxy = await openFaultProxy(faux.endpoint);
  const place = await freshBucket(proxy, settings);
  try {
    await check({ ...place, proxy, blobs: s3BlobStore({ ...place, partBytes: PART_BYTES }) });
  } finally {
    place.client.destroy();
    await proxy.stop();
  }
};

const put = ({ method }: Asked) => method === "PUT";
const getOf = (key: string) => (asked: Asked) => asked.method === "GET" && asked.path.includes(`/${key}?`);
const text = async (bytes: Promise<Uint8Array | undefined>) => Buffer.from((await bytes) ?? []).toString();

test(
  "a write goes through after SlowDown and a server error",
  brokenS3({}, async ({ proxy, blobs }) => {
    const faults = [s3Error(503, "SlowDown"), s3Error(500, "InternalError")];
    proxy.breakWith((asked) => (put(asked) ? faults.shift() : undefined));
    await blobs.write("a/b", "text");
    assert.equal(await text(blobs.read("a/b")), "text");
    assert.equal(proxy.asked.filter(put).length, 4, "the bucket, and three times the object");
  }),
);

test(
  "S3 that is busy for good ends in an error that names bucket, key, tries and way out",
  brokenS3({ attempts: 2 }, async ({ proxy, blobs, bucket }) => {
    proxy.breakWith((asked) => (put(asked) ? s3Error(503, "SlowDown") : undefined));
    await assert.rejects(blobs.write("a/b", "text"), ({ message }: Error) => {
      assert.match(message, new RegExp(`^S3 bucket "${bucket}", writing "a/b": SlowDown: .*attempts: 2.*concurrency`));
      return true;
    });
    proxy.breakWith(() => undefined);
    assert.equal(await blobs.read("a/b"), undefined);
  }),
);

test(
  "a role that may not list is told which rights are missing",
  brokenS3({}, async ({ proxy, blobs }) => {
    proxy.breakWith(() => s3Error(403, "AccessDenied"));
    await assert.rejects(blobs.read("a"), /reading "a": AccessDenied: .*s3:ListBucket/);
  }),
);

test(
  "a server that says nothing is asked again after the time-out",
  brokenS3({ requestTimeoutMs: 200 }, async ({ proxy, blobs }) => {
    proxy.breakWith(firstTimes(1, put, { kind: "silence" }));
    await blobs.write("a", "text");
    assert.equal(await text(blobs.read("a")), "text");
  }),
);

test(
  "a write whose reply was lost is done, and done once",
  brokenS3({}, async ({ proxy, blobs }) => {
    proxy.breakWith(firstTimes(1, put, { kind: "lose_reply" }));
    assert.deepEqual(await blobs.write("a", "text"), { bytes: 4 });
    assert.deepEqual(await allOf(blobs.list("")), ["a"]);
  }),
);

test(
  "a write in parts whose last reply was lost is done",
  brokenS3({}, async ({ proxy, blobs }) => {
    const completes = ({ method, path }: Asked) => method === "POST" && path.includes("uploadId=");
    proxy.breakWith(firstTimes(1, completes, { kind: "lose_reply" }));
    const body = Buffer.alloc(PART_BYTES + 1000, "ab");
    assert.deepEqual(await blobs.write("big", body), { bytes: body.length });
    assert.ok(Buffer.from((await blobs.read("big"))!).equals(body));
    assert.equal(proxy.asked.filter(completes).length, 2);
  }),
);

test(
  "parts of a write that failed are thrown away",
  brokenS3({ attempts: 1 }, async ({ proxy, blobs, client, bucket }) => {
    const secondPart = ({ path }: Asked) => path.includes("partNumber=2");
    proxy.breakWith((asked) => (secondPart(asked) ? s3Error(500, "InternalError") : undefined));
    await assert.rejects(blobs.write("big", Buffer.alloc(2 * PART_BYTES + 1)), /writing "big": InternalError/);
    async function* breaking() {
      yield Buffer.alloc(PART_BYTES + 1);
      throw new Error("cable cut");
    }
    await assert.rejects(blobs.write("big", breaking()), /^Error: cable cut$/);
    const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    assert.deepEqual([Uploads ?? [], await allOf(blobs.list(""))], [[], []]);
    assert.ok(proxy.asked.filter(({ method }) => method === "DELETE").length >= 2, "aborted by name");
  }),
);

test(
  "a conditional write that meets another one is sent again",
  brokenS3({}, async ({ proxy, blobs }) => {
    proxy.breakWith(firstTimes(2, put, s3Error(409, "ConditionalRequestConflict")));
    assert.deepEqual(await blobs.writeOnce("a", "text"), { outcome: "written" });
    assert.equal(await text(blobs.read("a")), "text");
  }),
);

test(
  "a reading goes on where its connection broke",
  brokenS3({}, async ({ proxy, blobs }) => {
    const body = Buffer.alloc(3_000_000, "0123456789abc");
    await blobs.write("big", body);
    const cuts = [1_000_000, 500_000, 1];
    proxy.breakWith((asked) => {
      const bytes = getOf("big")(asked) ? cuts.shift() : undefined;
      return bytes === undefined ? undefined : { kind: "cut", bytes };
    });
    assert.ok(Buffer.from((await blobs.read("big"))!).equals(body));
    assert.equal(proxy.asked.filter(getOf("big")).length, 4);
    cuts.push(7);
    assert.deepEqual(await text(blobs.read("big", { offset: 13, length: 26 })), "0123456789abc".repeat(2));
    proxy.breakWith((asked) => (getOf("big")(asked) ? { kind: "cut", bytes: 10 } : undefined));
    await assert.rejects(blobs.read("big"), /reading "big" broke off at byte 50 on connection 5/);
  }),
);

test(
  "a blob that is replaced while it is read is never mixed: read begins again, stream breaks off",
  brokenS3({}, async ({ proxy, blobs }) => {
    const [old, young] = [Buffer.alloc(900_000, "old"), Buffer.alloc(900_000, "new")];
    const replaced = () =>
      firstTimes(1, getOf("k"), {
        kind: "cut",
        bytes: 100_000,
        before: async () => void (await blobs.write("k", young)),
      });
    await blobs.write("k", old);
    proxy.breakWith(replaced());
    assert.ok(Buffer.from((await blobs.read("k"))!).equals(young));
    await blobs.write("k", old);
    proxy.breakWith(replaced());
    await assert.rejects(allOf(blobs.stream("k")), /blob "k" was replaced while it was read/);
  }),
);

test(
  "new keys cost a LIST, known ones only their PUT",
  brokenS3({}, async ({ proxy, blobs }) => {
    const cost = async (work: Promise<unknown>) => {
      const from = proxy.asked.length;
      await work;
      return proxy.asked.slice(from).map(({ method }) => method);
    };
    assert.deepEqual(await cost(blobs.write("r/1/a", "x")), ["GET", "HEAD", "HEAD", "PUT"]);
    assert.deepEqual(await cost(blobs.write("r/1/b", "x")), ["GET", "PUT"]);
    assert.deepEqual(await cost(blobs.write("r/1/b", "y")), ["PUT"]);
    assert.deepEqual(await cost(blobs.writeContent(Buffer.from("x"))), ["PUT"]);
  }),
);
