/** Images by reference: a data URL, an https URL, or the content id of one that was uploaded. */
import sharp from "sharp";
import { type BlobStore, contentKey } from "../../shared/ports/blob-store.ts";
import { type AcceptedImage, acceptImage } from "./accept-image.ts";
import { broken, formatOf, IMAGE_LIMITS, type ImageLimits, type ImageRefusal, refusal } from "./image-check.ts";
import { fromDataUrl, isDataUrl } from "./inline-image.ts";
import { safeFetch, type WebRules } from "./safe-fetch.ts";
import { WebError } from "./web-error.ts";

/** `web: false` closes the door to the network. */
export type UrlDeps = { web: WebRules | false; limits?: ImageLimits | undefined; signal?: AbortSignal | undefined };

const CONTENT_ID = /^[0-9a-f]{64}$/;
const SEND = "Send a data URL (data:image/png;base64,…), or upload it with POST /v1/images and name its id.";

/** Whether a text is the content id of an image rather than a URL. */
export function isContentId(text: string): boolean {
  return CONTENT_ID.test(text);
}

/** The image behind a data or https URL, ready to be stored. Throws only the reason of an aborted signal. */
export async function acceptImageUrl(url: string, deps: UrlDeps): Promise<AcceptedImage | ImageRefusal> {
  const limits = deps.limits ?? IMAGE_LIMITS;
  if (isDataUrl(url)) {
    const inline = fromDataUrl(url);
    return inline.outcome === "refused" ? inline : acceptImage(inline.bytes, limits);
  }
  if (deps.web === false) return refusal("image_is_a_url", "this server fetches nothing from the network", SEND);
  const fetched = await fetchImage(url, deps.web, { limits, signal: deps.signal });
  return fetched instanceof Uint8Array ? acceptImage(fetched, limits) : fetched;
}

/** The image behind any reference a request may hold: a content id, or a URL as in `acceptImageUrl`. */
export async function openImage(
  reference: string,
  deps: UrlDeps & { blobs: Pick<BlobStore, "read"> },
): Promise<AcceptedImage | ImageRefusal> {
  return isContentId(reference) ? storedImage(reference, deps.blobs) : acceptImageUrl(reference, deps);
}

async function fetchImage(
  url: string,
  web: WebRules,
  { limits, signal }: { limits: ImageLimits; signal: AbortSignal | undefined },
): Promise<Uint8Array | ImageRefusal> {
  try {
    const { bytes } = await safeFetch(url, { ...web, maxBytes: limits.maxBytes, signal: signal ?? web.signal });
    return bytes;
  } catch (error) {
    if (!(error instanceof WebError)) throw error;
    return refusal(`image_url.${error.what}`, error.reason, error.fix);
  }
}

/** An image that was uploaded, as it is stored; only its header is read again. */
export async function storedImage(
  sha256: string,
  blobs: Pick<BlobStore, "read">,
): Promise<AcceptedImage | ImageRefusal> {
  const bytes = await blobs.read(contentKey(sha256));
  const fix = "Upload it with POST /v1/images and name the id in its answer.";
  if (bytes === undefined) return refusal("image_not_found", "no image with this id was uploaded", fix);
  const sniffed = formatOf(bytes);
  if (sniffed.outcome === "refused") return sniffed;
  const { format } = sniffed;
  try {
    const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
    return { outcome: "accepted", bytes, sha256, format, width, height, changed: [] };
  } catch (error) {
    return broken(format, (error as Error).message);
  }
}
