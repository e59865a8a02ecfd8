import assert from "node:assert/strict";
import { describe, it } from "node:test";
import sharp from "sharp";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import type { Images } from "../../functions/api/deps.ts";
import { sceneRows } from "../../functions/embedded/world/manifest.ts";
import { acceptImage } from "../../functions/intake/accept-image.ts";
import { manifestDigest } from "../../functions/intake/manifest.ts";
import { serviceImages } from "../../functions/intake/service-images.ts";
import { readLines } from "../../shared/jsonl.ts";
import { manifestKey, manifestRowKey } from "../../shared/keys.ts";
import { contentKey } from "../../shared/ports/blob-store.ts";
import { Submitted } from "../../shared/schemas/sample.ts";
import { ManifestRow } from "../../shared/schemas/service.ts";
import { httpsServer, localRules } from "./hostile/servers.ts";
import { picture } from "./support.ts";

const signal = new AbortController().signal;

function opened(web: Parameters<typeof serviceImages>[0]["web"] = false) {
  const blobs = memoryBlobStore();
  const images: Images = serviceImages({ blobs, clock: { now: () => 1_800_000_000_000 }, web });
  return { blobs, images };
}

async function* each(rows: Iterable<unknown>): AsyncGenerator<unknown> {
  yield* rows;
}

async function keys(blobs: ReturnType<typeof memoryBlobStore>): Promise<string[]> {
  const found: string[] = [];
  for await (const key of blobs.list("")) found.push(key);
  return found;
}

describe("the images of a service", () => {
  it("are the same image under the same id by upload, data URL, https URL and id", async (t) => {
    const png = await picture("png");
    const given = Buffer.concat([png, Buffer.from("appended")]);
    const server = await httpsServer(t, (_, reply) => reply.end(given));
    const { images, blobs } = opened(localRules(server));
    const all = [
      await images.accept(given),
      await images.open(`data:image/jpeg;base64,${given.toString("base64")}`, signal),
      await images.open(server.url("/a.png"), signal),
    ];
    const [first] = all;
    assert.ok(first?.outcome === "accepted");
    for (const image of all) assert.deepEqual(image, { ...first, bytes: image.outcome === "accepted" && image.bytes });
    assert.deepEqual(await images.open(first.sha256, signal), { ...first, bytes: new Uint8Array(png), changed: [] });
    assert.deepEqual(await keys(blobs), [contentKey(first.sha256)]);
    assert.deepEqual(first.changed, ["trailing bytes"]);
  });

  it("are kept only when they are accepted", async () => {
    const { images, blobs } = opened();
    const refused = [
      await images.accept(Buffer.from("<html>")),
      await images.open("data:image/png;base64,AAAA", signal),
      await images.open("https://example.org/a.png", signal),
      await images.open("ab".repeat(32), signal),
      await images.open("/etc/passwd", signal),
    ];
    assert.deepEqual(
      refused.map((image) => image.outcome === "refused" && image.code),
      ["unknown_image_format", "unknown_image_format", "image_is_a_url", "image_not_found", "image_is_a_url"],
    );
    assert.deepEqual(await keys(blobs), []);
  });

  it("have thumbnails of at most 256 pixels, never larger than themselves", async () => {
    const { images } = opened();
    const sides = await Promise.all(
      [picture("png", 1, 400), picture("png", 2, 40)].map(async (made) => {
        const image = await images.accept(await made);
        assert.ok(image.outcome === "accepted");
        const { width, height, format } = await sharp(await images.thumbnail(image.sha256)).metadata();
        return [width, height, format];
      }),
    );
    assert.deepEqual(sides, [
      [256, 256, "webp"],
      [40, 40, "webp"],
    ]);
    assert.equal(await images.thumbnail("ab".repeat(32)), undefined);
    assert.equal(await images.thumbnail("../secret"), undefined);
  });

  it("of the embedded world keep their bytes, so that its samples keep their ids", async () => {
    for await (const { image } of sceneRows({ split: "tuning", seed: 1, count: 20 })) {
      const accepted = await acceptImage(image);
      assert.ok(accepted.outcome === "accepted");
      assert.deepEqual([accepted.changed, Buffer.from(accepted.bytes)], [[], Buffer.from(image)]);
    }
  });
});

describe("a manifest sent to a service", () => {
  it("keeps its samples and a row that counts the good and the bad ones", async () => {
    const { images, blobs } = opened();
    const image = await images.accept(await picture("png"));
    const id = image.outcome === "accepted" ? image.sha256 : "";
    const good = Array.from({ length: 30 }, (_, at) => ({ image: id, question: `${at}?`, note: "\ud800" }));
    const bad = Array.from({ length: 25 }, () => ({ image: "a.png", question: "?" }));
    const kept = await images.manifest(each([...good, ...bad, "{"]), { question: undefined, signal });
    assert.deepEqual(ManifestRow.parse(kept.row), kept.row);
    const stored: Submitted[] = [];
    for await (const line of readLines(blobs, manifestKey(kept.row.manifestId))) stored.push(Submitted.parse(line));
    const digest = manifestDigest(stored.map(({ sampleId }) => sampleId));
    const { manifestId, ...counts } = kept.row;
    assert.deepEqual(counts, { samples: 30, badRows: 26, digest, createdAt: 1_800_000_000_000 });
    assert.equal(stored[0]!.metadata["note"], "\ud800");
    assert.deepEqual([kept.bad.length, kept.bad[0]!.line, kept.bad[0]!.code], [20, 31, "image_is_a_file"]);
    const row = JSON.parse(new TextDecoder().decode(await blobs.read(manifestRowKey(manifestId))));
    assert.deepEqual(row, kept.row);
  });

  it("without a sample cannot be named, and an aborted one leaves nothing behind", async () => {
    const { images, blobs } = opened();
    const { row } = await images.manifest(each([{ image: "a.png", question: "?" }]), { question: undefined, signal });
    assert.deepEqual([row.samples, await blobs.read(manifestRowKey(row.manifestId))], [0, undefined]);
    const before = await keys(blobs);
    const aborted = { question: undefined, signal: AbortSignal.abort(new Error("the client went away")) };
    await assert.rejects(images.manifest(each([{}, { image: "ab".repeat(32), question: "?" }]), aborted), /went away/);
    assert.deepEqual(await keys(blobs), before);
  });
});
