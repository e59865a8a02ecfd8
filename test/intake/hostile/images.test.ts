import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { crc32, deflateSync } from "node:zlib";
import fc from "fast-check";
import sharp from "sharp";
import { type AcceptedImage, acceptImage } from "../../../functions/intake/accept-image.ts";
import { IMAGE_LIMITS } from "../../../functions/intake/image-check.ts";
import { lines, picture, readAll, temporaryFolder, writeFiles } from "../support.ts";

const FORMATS = ["jpeg", "png", "webp"] as const;

async function accepted(bytes: Uint8Array): Promise<AcceptedImage> {
  const image = await acceptImage(bytes);
  assert.ok(image.outcome === "accepted", image.outcome === "refused" ? `${image.code}: ${image.reason}` : "");
  return image;
}

async function refusalOf(bytes: Uint8Array, limits = IMAGE_LIMITS): Promise<string> {
  const image = await acceptImage(bytes, limits);
  return image.outcome === "refused" ? `${image.code}: ${image.reason}` : image.outcome;
}

const pixels = (bytes: Uint8Array) => sharp(bytes).raw().toBuffer();

function pngChunk(type: string, data: Uint8Array): Buffer {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(type, 4, "latin1");
  chunk.set(data, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
  return chunk;
}

/** Chunks put in behind the header of a PNG. */
function withChunks(png: Buffer, ...chunks: Buffer[]): Buffer {
  return Buffer.concat([png.subarray(0, 33), ...chunks, png.subarray(33)]);
}

/** A whole, tiny PNG of which the header says that it is huge. */
function hugePng(side: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([1, 0, 0, 0, 0], 8); // one bit a pixel, grey
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const data = deflateSync(Buffer.alloc(100_000));
  return Buffer.concat([
    signature,
    pngChunk("IHDR", header),
    pngChunk("IDAT", data),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);
}

/** The end of a zip archive that holds nothing: enough for an unpacker to take the whole file for one. */
const ZIP_TAIL = Buffer.concat([Buffer.from("PK\x05\x06", "latin1"), Buffer.alloc(18)]);
const SVG = `<svg xmlns="http://www.w3.org/2000/svg"><image href="http://169.254.169.254/latest/meta-data/"/></svg>`;
const SECRET = "12 Hidden Street";

describe("a hostile image", () => {
  it("of 50,000 × 50,000 pixels in a few hundred bytes is refused by its header", async () => {
    const png = hugePng(50_000);
    assert.ok(png.length < 400);
    assert.match(await refusalOf(png), /^image_too_large: 50000 × 50000 pixels are more than 50 million/);
  });

  it("is measured against the limits it is given", async () => {
    const png = await picture("png");
    assert.match(await refusalOf(png, { ...IMAGE_LIMITS, maxPixels: 64 * 63 }), /^image_too_large: 64 × 64/);
    assert.match(await refusalOf(png, { ...IMAGE_LIMITS, maxBytes: 1000 }), /^image_too_large: 0\.0 MB/);
  });

  it("that is cut, damaged, or holds too little for its size is broken", async () => {
    const [jpeg, png, webp] = await Promise.all(FORMATS.map((format) => picture(format)));
    assert.match(await refusalOf(jpeg!.subarray(0, 1200)), /^broken_image/);
    assert.match(await refusalOf(png!.subarray(0, 1200)), /^broken_image.*ends before the picture does/);
    assert.match(await refusalOf(webp!.subarray(0, 1200)), /^broken_image.*ends before the picture does/);
    const flipped = Buffer.from(png!);
    flipped[200]! ^= 1;
    assert.match(await refusalOf(flipped), /^broken_image.*check sum of its chunk "IDAT" is wrong/);
    assert.match(await refusalOf(hugePng(5000)), /^broken_image/);
    assert.match(await refusalOf(withChunks(png!, pngChunk("EVIL", Buffer.alloc(4)))), /"EVIL" is not known/);
  });

  it("with endless passes over itself is refused before it is decoded", async () => {
    const jpeg = await sharp(await picture("png"))
      .jpeg({ progressive: true })
      .toBuffer();
    const last = jpeg.lastIndexOf(Buffer.from([0xff, 0xda]));
    const scan = jpeg.subarray(last, jpeg.length - 2);
    const bomb = Buffer.concat([jpeg.subarray(0, -2), ...Array(5000).fill(scan), jpeg.subarray(-2)]);
    assert.match(await refusalOf(bomb), /^broken_image.*more than 64 scans/);
  });

  it("that moves is refused with its number of frames, also as PNG", async () => {
    const frames = await Promise.all(Array.from({ length: 40 }, (_, seed) => picture("png", seed, 16)));
    const animation = sharp(frames, { join: { animated: true } });
    assert.match(await refusalOf(await animation.webp().toBuffer()), /^animated_image: an animation of 40 frames/);
    assert.match(await refusalOf(await animation.gif().toBuffer()), /^unknown_image_format.*this is a GIF/);
    const control = Buffer.alloc(8);
    control.writeUInt32BE(1_000_000, 0);
    const apng = withChunks(frames[0]!, pngChunk("acTL", control));
    assert.match(await refusalOf(apng), /^animated_image: an animation of 1000000 frames/);
  });

  it("of another type is refused by its name, whatever it is called", async () => {
    const tiff = await sharp(await picture("png"))
      .tiff()
      .toBuffer();
    const avif = await sharp(await picture("png"))
      .avif()
      .toBuffer();
    const files: [Uint8Array | string, RegExp][] = [
      [SVG, /SVG or XML/],
      [`<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>${SVG}`, /SVG or XML/],
      ["<!doctype html><script>alert(1)</script>", /an HTML page/],
      ["%PDF-1.7\n", /a PDF/],
      [tiff, /a TIFF/],
      [avif, /HEIC, AVIF or video/],
      [ZIP_TAIL, /a ZIP archive/],
      ["#!/bin/sh\nid\n", /no known image/],
      ["", /empty/],
      [Buffer.concat([Buffer.from(SVG), await picture("png")]), /SVG or XML/],
    ];
    for (const [content, name] of files) {
      const code = await refusalOf(Buffer.from(content));
      assert.match(code, /^unknown_image_format/);
      assert.match(code, name);
    }
  });

  it("that is an archive too is stored without the archive", async () => {
    for (const format of FORMATS) {
      const clean = await picture(format);
      const image = await accepted(Buffer.concat([clean, ZIP_TAIL]));
      assert.deepEqual([Buffer.from(image.bytes), image.changed], [clean, ["trailing bytes"]], format);
    }
  });

  it("does not disturb the rows beside it", async (t) => {
    const folder = await temporaryFolder(t);
    const png = await picture("png");
    const bad = [
      hugePng(50_000),
      png.subarray(0, 800),
      SVG,
      "<html>",
      Buffer.concat([Buffer.from([0xff, 0xd8, 0xff])]),
    ];
    const files = Object.fromEntries(bad.flatMap((content, at) => [[`${at}.png`, content]]));
    const rows = bad.flatMap((_, at) => [
      { image: `${at}.png`, question: "?" },
      { image: "good.png", question: `${at}?` },
    ]);
    const path = await writeFiles(folder, { "m.jsonl": lines(rows), "good.png": png, ...files });
    const read = await readAll({ path }, { confined: true });
    assert.deepEqual([read.samples.length, read.bad.map(({ line }) => line)], [bad.length, [1, 3, 5, 7, 9]]);
    assert.deepEqual([...read.bytesOf.values()], [png]);
  });
});

describe("an accepted image", () => {
  it("keeps its bytes, and so its id, when there is nothing in it but the picture", async () => {
    const size = fc.integer({ min: 1, max: 40 });
    const options = fc.record({ format: fc.constantFrom(...FORMATS), width: size, height: size, alpha: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(options, async ({ format, width, height, alpha }) => {
        const create = { width, height, channels: alpha ? (4 as const) : (3 as const), background: "#12345680" };
        const bytes = await sharp({ create }).toFormat(format).toBuffer();
        const image = await accepted(bytes);
        assert.deepEqual([image.changed, image.bytes, image.width, image.height], [[], bytes, width, height]);
      }),
      { numRuns: 40 },
    );
  });

  it("loses EXIF, XMP, IPTC, comments and texts, and no pixel", async () => {
    const exif = { IFD0: { Copyright: SECRET, ImageDescription: SECRET } };
    for (const format of FORMATS) {
      const base = await picture(format);
      const given = await sharp(base)
        .withExif(exif)
        .withXmp(`<x:xmpmeta xmlns:x="adobe:ns:meta/">${SECRET}</x:xmpmeta>`)
        .toFormat(format)
        .toBuffer();
      assert.ok(given.includes(SECRET), format);
      const image = await accepted(given);
      assert.ok(!Buffer.from(image.bytes).includes(SECRET), format);
      assert.ok(image.changed.includes("exif"), format);
      assert.ok((await pixels(image.bytes)).equals(await pixels(given)), format);
      assert.deepEqual((await accepted(image.bytes)).changed, []);
    }
    const png = await picture("png");
    const text = pngChunk("tEXt", Buffer.from(`Comment\0${SECRET}`));
    const bomb = pngChunk("zTXt", Buffer.concat([Buffer.from("Comment\0\0"), deflateSync(Buffer.alloc(10_000_000))]));
    const own = pngChunk("prVt", Buffer.from(SECRET));
    const tidied = await accepted(withChunks(png, text, bomb, own));
    assert.deepEqual([Buffer.from(tidied.bytes), tidied.changed], [png, ["text", "other metadata"]]);
    const jpeg = await picture("jpeg");
    const comment = Buffer.from(`\xff\xfe\0\x12${SECRET}`, "latin1");
    const commented = Buffer.concat([jpeg.subarray(0, 2), comment, jpeg.subarray(2)]);
    const plain = await accepted(commented);
    assert.deepEqual([Buffer.from(plain.bytes), plain.changed], [jpeg, ["comment"]]);
  });

  it("stands upright: what EXIF turns is turned, in every format and every of the eight ways", async () => {
    const corner = { create: { width: 8, height: 8, channels: 3 as const, background: "#fff" } };
    const scene = await sharp({ create: { width: 40, height: 24, channels: 3, background: "#000" } })
      .composite([{ input: corner, left: 0, top: 0 }])
      .png()
      .toBuffer();
    for (const format of FORMATS) {
      for (let orientation = 1; orientation <= 8; orientation += 1) {
        const given = await sharp(scene).withMetadata({ orientation }).toFormat(format, { quality: 100 }).toBuffer();
        const image = await accepted(given);
        const upright = await sharp(given).autoOrient().raw().toBuffer({ resolveWithObject: true });
        assert.deepEqual([image.width, image.height], [upright.info.width, upright.info.height]);
        assert.equal(image.changed.includes("orientation"), orientation > 1);
        assert.equal((await sharp(image.bytes).metadata()).orientation, undefined);
        const now = await pixels(image.bytes);
        const worst = Math.max(...upright.data.map((value, at) => Math.abs(value - now[at]!)));
        assert.ok(worst <= 40, `${format} ${orientation}: ${worst}`); // JPEG once more, at the edge of the corner
        assert.deepEqual((await accepted(given)).sha256, image.sha256);
      }
    }
  });

  it("keeps the profile that tells what its colours mean", async () => {
    const given = await sharp(await picture("png"))
      .withIccProfile("p3")
      .jpeg()
      .toBuffer();
    const image = await accepted(given);
    assert.deepEqual([image.changed, Buffer.from(image.bytes)], [[], given]);
  });

  it("comes out of any bytes or is refused, and what came out is accepted unchanged", async () => {
    const bases = await Promise.all(FORMATS.map((format) => picture(format, 3, 24)));
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...bases),
        damage,
        fc.uint8Array({ maxLength: 20 }),
        async (base, flips, tail) => {
          const bytes = Buffer.concat([base, tail]);
          for (const [at, value] of flips) bytes[at % base.length] = value;
          const image = await acceptImage(bytes);
          if (image.outcome === "refused") return assert.notEqual(image.reason, "");
          const again = await accepted(image.bytes);
          assert.deepEqual([again.sha256, again.changed], [image.sha256, []]);
        },
      ),
      { numRuns: 300 },
    );
  });
});
