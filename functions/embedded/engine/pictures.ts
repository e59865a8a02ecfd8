import { type BlobStore, contentKey } from "../../../shared/ports/blob-store.ts";
import { type Prefix, prefixGraph } from "../model/prefix-graph.ts";
import { type ImageTokens, visionGraph } from "../model/vision-graph.ts";
import { fromImage } from "../world/png.ts";
import type { Pixels } from "../world/render.ts";
import { lazy } from "./lazy.ts";
import type { LoadedModel } from "./models.ts";
import { BadRequest } from "./request.ts";

const KEPT = 4000; // our choice: image tokens of 4.6 kB each, so 18 MB at most

const DATA_URL = /^data:[^,]*;base64,/;

async function bytesOf(url: string, blobs: Pick<BlobStore, "read">): Promise<Uint8Array> {
  if (url.startsWith("blob:")) {
    const bytes = await blobs.read(contentKey(url.slice("blob:".length)));
    if (!bytes) throw new BadRequest("image_not_found", `image_url: the store has no ${url}`);
    return bytes;
  }
  if (DATA_URL.test(url)) return Buffer.from(url.slice(url.indexOf(",") + 1), "base64");
  throw new BadRequest(
    "image_url_unsupported",
    "image_url: the embedded engine reads data URLs in base64 and blob:<sha256>; it fetches nothing",
  );
}

/** The picture behind a URL, or why it cannot be had. */
async function pixelsOf(url: string, blobs: Pick<BlobStore, "read">): Promise<Pixels | BadRequest> {
  try {
    return await fromImage(await bytesOf(url, blobs));
  } catch (error) {
    if (error instanceof BadRequest) return error;
    const message = `image_url: not an image that can be decoded (${(error as Error).message})`;
    return new BadRequest("image_unreadable", message);
  }
}

/** Reads each picture once for all questions about it. */
export function pictureReader(blobs: Pick<BlobStore, "read">) {
  const vision = lazy(visionGraph);
  const prefixes = lazy(prefixGraph);
  const known = new Map<string, ImageTokens>();
  const keyOf = (model: LoadedModel, url: string) => `${model.vision} ${url}`;

  function keep(key: string, tokens: ImageTokens): void {
    known.set(key, tokens);
    for (const oldest of [...known.keys()].slice(0, Math.max(0, known.size - KEPT))) known.delete(oldest);
  }

  /** Looks at pictures for the first time. */
  async function look(
    model: LoadedModel,
    urls: readonly string[],
    signal: AbortSignal,
  ): Promise<[string, ImageTokens | BadRequest][]> {
    const loaded = await Promise.all(urls.map(async (url) => ({ url, pixels: await pixelsOf(url, blobs) })));
    const good = loaded.flatMap(({ url, pixels }) => (pixels instanceof BadRequest ? [] : [{ url, pixels }]));
    const pictures = good.map(({ pixels }) => pixels);
    const seen = pictures.length === 0 ? [] : await (await vision()).see(model.weights, pictures, signal);
    good.forEach(({ url }, i) => {
      keep(keyOf(model, url), seen[i]!);
    });
    const bad = loaded.flatMap(({ url, pixels }): [string, BadRequest][] =>
      pixels instanceof BadRequest ? [[url, pixels]] : [],
    );
    return [...bad, ...good.map(({ url }, i): [string, ImageTokens] => [url, seen[i]!])];
  }

  /** The image tokens of every URL; one that cannot be read is an error in its place. */
  async function read(
    model: LoadedModel,
    urls: readonly string[],
    signal: AbortSignal,
  ): Promise<Map<string, ImageTokens | BadRequest>> {
    const all = [...new Set(urls)];
    const before = all.flatMap((url): [string, ImageTokens][] => {
      const tokens = known.get(keyOf(model, url));
      return tokens ? [[url, tokens]] : [];
    });
    const remembered = new Map<string, ImageTokens | BadRequest>(before);
    const fresh = await look(
      model,
      all.filter((url) => !remembered.has(url)),
      signal,
    );
    return new Map([...remembered, ...fresh]);
  }

  /** What the text blocks of a model make of image tokens. */
  const prefix = async (model: LoadedModel, images: readonly ImageTokens[], signal: AbortSignal): Promise<Prefix[]> =>
    (await prefixes()).read(model.weights, images, signal);

  return { read, prefix };
}
