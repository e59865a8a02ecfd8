/** Is this really one whole JPEG, PNG or WebP of a sane size? Bytes decide, never the file name. */
import sharp from "sharp";
import { type Problem, problem } from "./bad-row.ts";

/** Largest encoded image. Our choice: what hosted vision APIs accept for one image. */
export const MAX_IMAGE_BYTES = 20 * 1024 * 1024;
/** Most pixels. Our choice: 50 megapixels decode to 150 MB, and vision models see at most a few megapixels anyway. */
const MAX_IMAGE_PIXELS = 50_000_000;

export type ImageFormat = "jpeg" | "png" | "webp";
export const EXTENSION_OF: Record<ImageFormat, string> = { jpeg: "jpg", png: "png", webp: "webp" };

/** `width` and `height` are those a viewer sees: after the EXIF orientation. */
export type CheckedImage = { outcome: "image"; format: ImageFormat; width: number; height: number };

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const ACCEPTED = "Convert it to JPEG, PNG or WebP.";

function startsWith(bytes: Uint8Array, signature: readonly number[]): boolean {
  return signature.every((byte, index) => bytes[index] === byte);
}

function ascii(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}

/** The accepted format these bytes begin with, or undefined. */
export function sniffFormat(bytes: Uint8Array): ImageFormat | undefined {
  if (startsWith(bytes, [0xff, 0xd8, 0xff])) return "jpeg";
  if (startsWith(bytes, PNG_SIGNATURE)) return "png";
  if (ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 12) === "WEBP") return "webp";
  return undefined;
}

/** A name for well-known content that is not accepted, so that the message can say what the file really is. */
function nameForeignContent(bytes: Uint8Array): string {
  if (bytes.length === 0) return "the file is empty";
  const head = ascii(bytes, 0, 64).trimStart().toLowerCase();
  if (head.startsWith("gif8")) return "this is a GIF";
  if (head.startsWith("bm")) return "this is a BMP";
  if (startsWith(bytes, [0x49, 0x49, 0x2a, 0x00]) || startsWith(bytes, [0x4d, 0x4d, 0x00, 0x2a]))
    return "this is a TIFF";
  if (ascii(bytes, 4, 8) === "ftyp") return "this is HEIC, AVIF or video";
  if (head.startsWith("<svg") || head.startsWith("<?xml")) return "this is SVG or XML";
  if (head.startsWith("<!doctype") || head.startsWith("<html")) return "this is an HTML page (a failed download?)";
  return "the first bytes are those of no known image";
}

/** Decodes the whole image to a thumbnail: cheap in memory, and every missing or damaged part shows. */
async function decodeFully(bytes: Uint8Array): Promise<void> {
  const options = { failOn: "error", limitInputPixels: MAX_IMAGE_PIXELS, sequentialRead: true } as const;
  await sharp(bytes, options).resize(32, 32, { fit: "fill" }).raw().toBuffer();
}

/** Checks size, first bytes, pixels and that the image decodes to its end. `field` and `shown` go into the problem. */
export async function checkImage(bytes: Uint8Array, field: string, shown: string): Promise<CheckedImage | Problem> {
  const at = [field, shown] as const;
  if (bytes.length > MAX_IMAGE_BYTES) return tooManyBytes(bytes.length, field, shown);
  const format = sniffFormat(bytes);
  if (format === undefined)
    return problem("unknown_image_format", at, `not a JPEG, PNG or WebP: ${nameForeignContent(bytes)}`, ACCEPTED);
  try {
    const { width, height, pages, autoOrient } = await sharp(bytes, {
      failOn: "error",
      limitInputPixels: false,
    }).metadata();
    if (width * height > MAX_IMAGE_PIXELS) {
      const reason = `${width} × ${height} pixels are more than ${MAX_IMAGE_PIXELS / 1e6} million`;
      return problem("image_too_large", at, reason, "Scale it down.");
    }
    if ((pages ?? 1) > 1) {
      return problem(
        "animated_image",
        at,
        `an animation of ${pages} frames is not one image`,
        "Take one frame as JPEG, PNG or WebP.",
      );
    }
    await decodeFully(bytes);
    return { outcome: "image", format, width: autoOrient.width, height: autoOrient.height };
  } catch (error) {
    const detail = error instanceof Error ? error.message.split("\n")[0] : String(error);
    return problem(
      "broken_image",
      at,
      `a ${format} that does not decode to its end (${detail})`,
      "Get the file again or leave the row out.",
    );
  }
}

/** The problem of an image with too many encoded bytes; also used before such a file is read. */
export function tooManyBytes(bytes: number, field: string, shown: string): Problem {
  const reason = `${(bytes / 1e6).toFixed(1)} MB are more than ${MAX_IMAGE_BYTES / 1024 / 1024} MiB`;
  return problem("image_too_large", [field, shown], reason, "Compress or scale it down.");
}
