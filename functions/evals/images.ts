/** Pictures of items that a model shall see, taken in through the one door of images. */
import { readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import type { EvaluationItem } from "../../shared/evaluation/evaluation.ts";
import { type BlobStore, contentKey } from "../../shared/ports/blob-store.ts";
import { acceptImage } from "../intake/accept-image.ts";
import type { OpenedBench } from "./bench.ts";
import { EvaluationError } from "./problems.ts";

const CONTENT = /^[0-9a-f]{64}$/;

/** The items with their images named by content. Items keep their names elsewhere: what is told stays readable. */
export async function keepImages(
  { opened, folder }: { opened: Pick<OpenedBench, "items" | "picture">; folder: string | undefined },
  blobs: Blobs,
): Promise<EvaluationItem[]> {
  const kept = new Map<string, string>();
  for (const item of opened.items) {
    if (kept.has(item.image)) continue;
    const bytes = await opened.picture?.(item, folder);
    const where =
      bytes === undefined ? await found({ ...item, folder }, blobs) : { bytes, path: `picture ${item.image}` };
    kept.set(item.image, typeof where === "string" ? where : await accepted(item.itemId, where, blobs));
  }
  return opened.items.map((item) => ({ ...item, image: kept.get(item.image)! }));
}

type Blobs = Pick<BlobStore, "read" | "writeContent">;
type Wanted = { itemId: string; image: string; folder: string | undefined };
type Picture = { bytes: Uint8Array; path: string };

/** The picture's file, or its hash where it is kept already. */
async function found({ itemId, image, folder }: Wanted, blobs: Blobs): Promise<Picture | string> {
  if (CONTENT.test(image) && (await blobs.read(contentKey(image), { offset: 0, length: 1 })) !== undefined)
    return image;
  if (folder === undefined) {
    throw new EvaluationError(
      `item ${itemId}: the picture ${image} is not here`,
      "give the folder of the pictures with --images DIR, or stored answers with --answers",
    );
  }
  const path = resolve(join(folder, image));
  if (relative(resolve(folder), path).startsWith("..")) {
    throw new EvaluationError(
      `item ${itemId}: the picture ${image} lies outside of ${folder}`,
      "mend the item's file name",
    );
  }
  const bytes = await readFile(path).catch(() => {
    throw new EvaluationError(
      `item ${itemId}: cannot read ${path}`,
      "download the bench's pictures into the folder that --images names",
    );
  });
  return { bytes, path };
}

async function accepted(itemId: string, { bytes, path }: Picture, blobs: Blobs): Promise<string> {
  const image = await acceptImage(bytes);
  if (image.outcome === "refused") throw new EvaluationError(`item ${itemId}: ${path}: ${image.reason}`, image.fix);
  return blobs.writeContent(image.bytes);
}
