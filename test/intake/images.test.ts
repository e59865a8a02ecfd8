import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { crc32 } from "node:zlib";
import sharp from "sharp";
import { acceptImage } from "../../functions/intake/accept-image.ts";
import { IMAGE_LIMITS } from "../../functions/intake/image-check.ts";
import { loadImage } from "../../functions/intake/image-source.ts";
import { lines, picture, readAll, temporaryFolder, writeFiles } from "./support.ts";

async function codeOf(bytes: Uint8Array): Promise<string> {
  const image = await acceptImage(bytes);
  return image.outcome === "refused" ? `${image.code}: ${image.reason}` : image.format;
}

/** A PNG that claims a size its data does not have: a few bytes that would decode to gigabytes. */
async function pngClaiming(side: number): Promise<Buffer> {
  const png = Buffer.from(await picture("png"));
  png.writeUInt32BE(side, 16);
  png.writeUInt32BE(side, 20);
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
  return png;
}

describe("an image", () => {
  it("is told by its bytes, whatever it is called", async () => {
    assert.deepEqual(await Promise.all((["jpeg", "png", "webp"] as const).map(async (f) => codeOf(await picture(f)))), [
      "jpeg",
      "png",
      "webp",
    ]);
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>');
    assert.match(await codeOf(svg), /^unknown_image_format.*SVG/);
    assert.match(await codeOf(Buffer.from("<!DOCTYPE html><p>404")), /HTML page/);
    assert.match(
      await codeOf(
        await sharp(await picture("png"))
          .avif()
          .toBuffer(),
      ),
      /AVIF/,
    );
    assert.match(
      await codeOf(Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), Buffer.from("<script>")])),
      /^broken_image/,
    );
  });

  it("that would decode to too many pixels is refused before it is decoded", async () => {
    assert.match(await codeOf(await pngClaiming(50_000)), /^image_too_large: 50000 × 50000 pixels/);
  });

  it("with too many bytes is refused, a file without being read", async (t) => {
    assert.match(await codeOf(Buffer.alloc(IMAGE_LIMITS.maxBytes + 1)), /^image_too_large: 21\.0 MB/);
    const folder = await temporaryFolder(t);
    const files = { "big.jpg": Buffer.alloc(IMAGE_LIMITS.maxBytes + 1) };
    const path = await writeFiles(folder, { "m.jsonl": lines([{ image: "big.jpg", question: "?" }]), ...files });
    assert.equal((await readAll({ path })).bad[0]?.code, "image_too_large");
  });

  it("that moves is refused", async () => {
    const frames = await Promise.all([1, 2].map((seed) => picture("png", seed)));
    const animation = await sharp(frames, { join: { animated: true } })
      .webp()
      .toBuffer();
    assert.match(await codeOf(animation), /^animated_image: an animation of 2 frames/);
  });

  it("that is cut in any format is broken", async () => {
    for (const format of ["jpeg", "png", "webp"] as const) {
      const whole = await picture(format);
      assert.match(await codeOf(whole.subarray(0, Math.floor(whole.length / 2))), /^broken_image/, format);
    }
  });

  it("as damaged base64 is refused in time linear in its length", async () => {
    const text = `${"A".repeat(200)}${" ".repeat(2_000_000)}!`;
    const loaded = await loadImage({ kind: "text", field: "image", text }, { folder: "/", root: "/", confined: true });
    assert.equal("code" in loaded && loaded.code, "unknown_encoding");
  });
});
