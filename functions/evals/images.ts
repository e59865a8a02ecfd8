/** Pictures of items that a model shall see, taken in through the one door of images. */
import { readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import type { EvaluationItem } from "../../shared/evaluation/evaluation.ts";
import { type BlobStore, contentKey } from "../../shared/ports/blob-store.ts";
import { acceptImage } from "../intake/accept-image.ts";
import { EvaluationError } from "./problems.ts";

const CONTENT = /^[0-9a-f]{64}$/;

/** The items with their images named by content. Items keep their names elsewhere: what is told stays readable. */
export async function keepImages<Item extends EvaluationItem>(
  { items, folder }: { items: readonly Item[]; folder: string | undefined },
  blobs: Pick<BlobStore, "read" | "writeContent">,
): Promise<Item[]> {
  const kept = new Map<string, string>();
  for (const { itemId, image } of items) {
    if (!kept.has(image)) kept.set(image, await keep({ itemId, image, folder }, blobs));
  }
  return items.map((item) => ({ ...item, image: kept.get(item.image)! }));
}

type Wanted = { itemId: string; image: string; folder: string | undefined };

async function keep(
  { itemId, image, folder }: Wanted,
  blobs: Pick<BlobStore, "read" | "writeContent">,
): Promise<string> {
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
  const accepted = await acceptImage(bytes);
  if (accepted.outcome === "refused")
    throw new EvaluationError(`item ${itemId}: ${path}: ${accepted.reason}`, accepted.fix);
  return blobs.writeContent(accepted.bytes);
}
