/** Is this really one whole JPEG, PNG or WebP of a sane size? Bytes decide, never the file name. */
import sharp from "sharp";
import { type BadRowCode, type Problem, problem } from "./bad-row.ts";
import { ascii } from "./tidied.ts";
import type { WebProblem } from "./web-error.ts";

/** What an image may cost before and while it is decoded. */
export type ImageLimits = { maxBytes: number; maxPixels: number; decodeSeconds: number };
export const IMAGE_LIMITS: ImageLimits = {
  maxBytes: 20 * 1024 * 1024, // our choice: what hosted vision APIs accept for one image
  maxPixels: 50_000_000, // our choice: they decode to 150 MB, and vision models see at most a few million anyway
  decodeSeconds: 10, // our choice: for a machine that does other things too
};

export type ImageFormat = "jpeg" | "png" | "webp";
export const EXTENSION_OF: Record<ImageFormat, string> = { jpeg: "jpg", png: "png", webp: "webp" };

/** `width` and `height` are those a viewer sees: after the EXIF orientation. */
export type CheckedImage = { outcome: "image"; format: ImageFormat; width: number; height: number };
/** Why an image is not taken. */
export type ImageRefusal = { outcome: "refused"; code: ImageCode; reason: string; fix: string };
type ImageCode = Extract<
  BadRowCode,
  | "unknown_encoding"
  | "unknown_image_format"
  | "broken_image"
  | "image_too_large"
  | "animated_image"
  | "image_not_found"
  | "image_is_a_url"
  | `image_url.${WebProblem}`
>;

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const ACCEPTED = "Convert it to JPEG, PNG or WebP.";

function startsWith(bytes: Uint8Array, signature: readonly number[]): boolean {
  return signature.every((byte, index) => bytes[index] === byte);
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
  if (head.startsWith("%pdf")) return "this is a PDF";
  if (head.startsWith("pk")) return "this is a ZIP archive";
  if (startsWith(bytes, [0x49, 0x49, 0x2a, 0x00]) || startsWith(bytes, [0x4d, 0x4d, 0x00, 0x2a]))
    return "this is a TIFF";
  if (ascii(bytes, 4, 8) === "ftyp") return "this is HEIC, AVIF or video";
  if (head.startsWith("<svg") || head.startsWith("<?xml")) return "this is SVG or XML";
  if (head.startsWith("<!doctype") || head.startsWith("<html")) return "this is an HTML page (a failed download?)";
  return "the first bytes are those of no known image";
}

export function refusal(code: ImageRefusal["code"], reason: string, fix: string): ImageRefusal {
  return { outcome: "refused", code, reason, fix };
}

/** Undefined when the size is fine. Asked before anything is read or decoded. */
export function tooManyBytes(bytes: number, limits = IMAGE_LIMITS): ImageRefusal | undefined {
  if (bytes <= limits.maxBytes) return undefined;
  const reason = `${(bytes / 1e6).toFixed(1)} MB are more than ${limits.maxBytes / 1024 / 1024} MiB`;
  return refusal("image_too_large", reason, "Compress or scale it down.");
}

/** The format, or a refusal that names what the bytes really are. */
export function formatOf(bytes: Uint8Array): { outcome: "format"; format: ImageFormat } | ImageRefusal {
  const format = sniffFormat(bytes);
  if (format !== undefined) return { outcome: "format", format };
  return refusal("unknown_image_format", `not a JPEG, PNG or WebP: ${nameForeignContent(bytes)}`, ACCEPTED);
}

export function broken(format: ImageFormat, detail: string): ImageRefusal {
  const reason = `a ${format} that does not decode to its end (${detail})`;
  return refusal("broken_image", reason, "Get the file again or leave the row out.");
}

export function animated(frames: number): ImageRefusal {
  const reason = `an animation of ${frames} frames is not one image`;
  return refusal("animated_image", reason, "Take one frame as JPEG, PNG or WebP.");
}

/** The first line of what a decoder said. */
function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
}

/** Decodes the whole image to a thumbnail: cheap in memory, and every missing or damaged part shows. */
async function decodeFully(bytes: Uint8Array, { maxPixels, decodeSeconds }: ImageLimits): Promise<void> {
  const options = { failOn: "error", limitInputPixels: maxPixels, sequentialRead: true } as const;
  await sharp(bytes, options).resize(32, 32, { fit: "fill" }).timeout({ seconds: decodeSeconds }).raw().toBuffer();
}

/** Size by the header first, then the whole picture. */
export async function inspect(
  bytes: Uint8Array,
  format: ImageFormat,
  limits: ImageLimits,
): Promise<CheckedImage | ImageRefusal> {
  try {
    const header = await sharp(bytes, { failOn: "error", limitInputPixels: false }).metadata();
    const { width, height, pages = 1, autoOrient } = header;
    if (width * height > limits.maxPixels) {
      const reason = `${width} × ${height} pixels are more than ${limits.maxPixels / 1e6} million`;
      return refusal("image_too_large", reason, "Scale it down.");
    }
    if (pages > 1) return animated(pages);
    await decodeFully(bytes, limits);
    return { outcome: "image", format, width: autoOrient.width, height: autoOrient.height };
  } catch (error) {
    return broken(format, firstLine(error));
  }
}

/** A refusal as the problem of a row's field. */
export function refusedRow({ code, reason, fix }: ImageRefusal, field: string, shown: string): Problem {
  return problem(code, [field, shown], reason, fix);
}
