/** A picture to ask about: a file of the user's, or one that the service keeps. */
import { call, imageAddress, imageReference } from "../service.ts";

export type PickedImage = {
  name: string;
  /** What the model is sent: a data URL, or the id of a large picture that was uploaded. */
  url: string;
  /** What the page shows. */
  shown: string;
  /** Enlarged crisply. */
  small: boolean;
};

const SMALL = 160; // pixels
const TYPES = ["image/jpeg", "image/png", "image/webp"];
/** The service takes no more (functions/intake). */
const MOST_BYTES = 20 * 1024 * 1024;

/** Throws an Error that a person can read. */
export async function pickedFile(file: Blob, name: string): Promise<PickedImage> {
  if (!TYPES.includes(file.type)) throw new Error(`${name} is no JPEG, PNG or WebP.`);
  if (file.size > MOST_BYTES) throw new Error(`${name} is larger than 20 MiB.`);
  const shown = await dataUrl(file);
  const { width, height } = await decoded(shown, name);
  return { name, url: await imageReference(file), shown, small: Math.max(width, height) < SMALL };
}

export async function keptImage(sha256: string): Promise<PickedImage> {
  const blob = await (await call(imageAddress(sha256))).blob();
  return pickedFile(blob, sha256.slice(0, 12));
}

function dataUrl(file: Blob): Promise<string> {
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(new Error("The file cannot be read."));
    reader.readAsDataURL(file);
  });
}

async function decoded(url: string, name: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = url;
  await image.decode().catch(() => {
    throw new Error(`${name} cannot be decoded.`);
  });
  return image;
}
