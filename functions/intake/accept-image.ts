/**
 * The one way an image gets in. Bytes decide what it is; size, pixels, frames and time are capped before it is decoded;
 * what is not the picture (EXIF, XMP, IPTC, comments, texts, times, appended files) is left out of what is stored.
 *
 * A clean image keeps its bytes, so its content id does not change. Metadata is cut out of the file without touching the
 * coded picture. Only a picture that EXIF turns, or whose container is not as its format says, is encoded anew: JPEG at
 * quality 95 without chroma subsampling, PNG, WebP without loss, colours in sRGB. Elsewhere a colour profile stays.
 */
import { createHash } from "node:crypto";
import sharp, { type Sharp } from "sharp";
import {
  animated,
  broken,
  formatOf,
  IMAGE_LIMITS,
  type ImageFormat,
  type ImageLimits,
  type ImageRefusal,
  inspect,
  tooManyBytes,
} from "./image-check.ts";
import type { Tidied } from "./tidied.ts";
import { tidyJpeg } from "./tidy-jpeg.ts";
import { tidyPng } from "./tidy-png.ts";
import { tidyWebp } from "./tidy-webp.ts";

/** `bytes` are what to store, `sha256` theirs; `changed` names what differs from what came, nothing for a clean image. */
export type AcceptedImage = {
  outcome: "accepted";
  bytes: Uint8Array;
  sha256: string;
  format: ImageFormat;
  width: number;
  height: number;
  changed: string[];
};

const TIDY: Record<ImageFormat, (bytes: Uint8Array) => Tidied> = { jpeg: tidyJpeg, png: tidyPng, webp: tidyWebp };

const ENCODE: Record<ImageFormat, (picture: Sharp) => Sharp> = {
  jpeg: (picture) => picture.jpeg({ quality: 95, chromaSubsampling: "4:4:4" }),
  png: (picture) => picture.png(),
  webp: (picture) => picture.webp({ lossless: true }),
};

/** The image to store, or why there is none. Equal bytes give equal results with the same version of sharp. */
export async function acceptImage(
  bytes: Uint8Array,
  limits: ImageLimits = IMAGE_LIMITS,
): Promise<AcceptedImage | ImageRefusal> {
  const tooMany = tooManyBytes(bytes.length, limits);
  if (tooMany) return tooMany;
  const sniffed = formatOf(bytes);
  if (sniffed.outcome === "refused") return sniffed;
  const { format } = sniffed;
  const tidied = TIDY[format](bytes);
  if (tidied.outcome === "broken") return broken(format, tidied.reason);
  if (tidied.outcome === "unclear") return rebuilt(bytes, format, { limits, why: ["encoding"] });
  if (tidied.frames > 1) return animated(tidied.frames);
  if (tidied.hasExif && (await isTurned(bytes)))
    return rebuilt(bytes, format, { limits, why: [...tidied.dropped, "orientation"] });
  const checked = await inspect(tidied.bytes, format, limits);
  return checked.outcome === "refused" ? checked : accepted(tidied.bytes, checked, tidied.dropped);
}

function accepted(
  bytes: Uint8Array,
  { format, width, height }: Pick<AcceptedImage, "format" | "width" | "height">,
  changed: string[],
): AcceptedImage {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { outcome: "accepted", bytes, sha256, format, width, height, changed };
}

/** Whether EXIF says that a viewer must turn or mirror it. An unreadable header is found by the decoder later. */
async function isTurned(bytes: Uint8Array): Promise<boolean> {
  const header = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => undefined);
  return (header?.orientation ?? 1) > 1;
}

/** Decoded, turned upright and encoded anew. */
async function rebuilt(
  bytes: Uint8Array,
  format: ImageFormat,
  { limits, why }: { limits: ImageLimits; why: string[] },
): Promise<AcceptedImage | ImageRefusal> {
  const checked = await inspect(bytes, format, limits);
  if (checked.outcome === "refused") return checked;
  const options = { failOn: "error", limitInputPixels: limits.maxPixels } as const;
  try {
    const picture = sharp(bytes, options).autoOrient().timeout({ seconds: limits.decodeSeconds });
    const { data, info } = await ENCODE[format](picture).toBuffer({ resolveWithObject: true });
    const size = { format, width: info.width, height: info.height };
    return tooManyBytes(data.length, limits) ?? accepted(data, size, why);
  } catch (error) {
    return broken(format, (error as Error).message.split("\n")[0]!);
  }
}
