import { createHash } from "node:crypto";
import { acceptImage } from "./accept-image.ts";
import type { ImageFormat, ImageRefusal } from "./image-check.ts";

/** An image that is stored; `sha256` is that of the stored bytes. */
export type KeptImage = { outcome: "kept"; sha256: string; format: ImageFormat; width: number; height: number };

/** Accepts and keeps each distinct image once, however many rows ask about it and whether they come at the same time. */
export function imageKeeper(
  keep: (bytes: Uint8Array) => Promise<unknown>,
): (bytes: Uint8Array) => Promise<KeptImage | ImageRefusal> {
  const met = new Map<string, Promise<KeptImage | ImageRefusal>>();

  async function meet(given: Uint8Array): Promise<KeptImage | ImageRefusal> {
    const image = await acceptImage(given);
    if (image.outcome === "refused") return image;
    await keep(image.bytes);
    const { sha256, format, width, height } = image;
    return { outcome: "kept", sha256, format, width, height };
  }

  return (bytes) => {
    const key = createHash("sha256").update(bytes).digest("hex");
    const known = met.get(key) ?? meet(bytes);
    met.set(key, known);
    return known;
  };
}
