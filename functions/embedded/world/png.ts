import sharp from "sharp";
import { PIXEL_BYTES, type Pixels, SIDE } from "./render.ts";

/** Lossless: `fromImage(await toPng(pixels))` gives the same bytes. */
export async function toPng(pixels: Pixels): Promise<Uint8Array> {
  const image = sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } });
  return new Uint8Array(await image.png({ compressionLevel: 6 }).toBuffer());
}

/** The pixels of an image file; one of another size is squeezed to this world's 96x96, which the model cannot make sense of. */
export async function fromImage(bytes: Uint8Array): Promise<Pixels> {
  const image = sharp(bytes).flatten({ background: "#ffffff" }).toColourspace("srgb").removeAlpha();
  const raw = await image.resize(SIDE, SIDE, { fit: "fill" }).raw().toBuffer();
  if (raw.length !== PIXEL_BYTES) throw new Error(`image: expected ${PIXEL_BYTES} bytes of RGB, got ${raw.length}`);
  return new Uint8Array(raw);
}
