/** `blob:<sha256>` images as data URLs, read once and shared by the requests of the same image. */
import { type BlobStore, contentKey } from "../../../shared/ports/blob-store.ts";
import type { ChatBody } from "../../../shared/schemas/chat.ts";

/** The image is not in the store, or is of no known kind. */
export class ImageUnusable extends Error {
  override name = "ImageUnusable";
}

/** `image/…` by the first bytes, never by a name; `undefined` for anything but JPEG, PNG, WebP and GIF. */
export function mediaTypeOf(bytes: Uint8Array): string | undefined {
  const starts = (text: string, at = 0) => [...text].every((char, index) => bytes[at + index] === char.charCodeAt(0));
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return "image/jpeg";
  if (bytes[0] === 0x89 && starts("PNG\r\n\u001a\n", 1)) return "image/png";
  if (starts("RIFF") && starts("WEBP", 8)) return "image/webp";
  if (starts("GIF8")) return "image/gif";
  return undefined;
}

export type SharedImages = {
  /** The body with every stored image written out. Throws ImageUnusable. */
  writtenOut(body: ChatBody): Promise<ChatBody>;
  /** This body needs its images no more; the last of an image's bodies lets its bytes go. */
  done(body: ChatBody): void;
};

/** @param bodies all that will be asked; each must be given to `done` once */
export function sharedImages(blobs: BlobStore, bodies: readonly ChatBody[]): SharedImages {
  const uses = new Map<string, number>();
  const dataUrls = new Map<string, Promise<string>>();
  for (const url of bodies.flatMap(blobUrls)) uses.set(url, (uses.get(url) ?? 0) + 1);

  function dataUrl(url: string): Promise<string> {
    const known = dataUrls.get(url) ?? readDataUrl(blobs, url);
    dataUrls.set(url, known);
    return known;
  }

  return {
    async writtenOut(body) {
      const urls = new Map<string, string>();
      for (const url of blobUrls(body)) urls.set(url, await dataUrl(url));
      return urls.size === 0 ? body : withUrls(body, urls);
    },
    done(body) {
      for (const url of blobUrls(body)) {
        const left = (uses.get(url) ?? 1) - 1;
        uses.set(url, left);
        if (left === 0) dataUrls.delete(url);
      }
    },
  };
}

async function readDataUrl(blobs: BlobStore, url: string): Promise<string> {
  const sha256 = url.slice("blob:".length);
  const bytes = await blobs.read(contentKey(sha256));
  if (bytes === undefined)
    throw new ImageUnusable(`image ${url} is not in the blob store: import the images of the run again`);
  const type = mediaTypeOf(bytes);
  if (type === undefined)
    throw new ImageUnusable(`image ${url} is not JPEG, PNG, WebP or GIF: convert it and import it again`);
  return `data:${type};base64,${Buffer.from(bytes).toString("base64")}`;
}

function blobUrls(body: ChatBody): string[] {
  return body.messages
    .flatMap(({ content }) => (typeof content === "string" ? [] : content))
    .flatMap((part) =>
      part.type === "image_url" && part.image_url.url.startsWith("blob:") ? [part.image_url.url] : [],
    );
}

function withUrls(body: ChatBody, urls: ReadonlyMap<string, string>): ChatBody {
  const messages = body.messages.map((message) =>
    typeof message.content === "string"
      ? message
      : {
          ...message,
          content: message.content.map((part) =>
            part.type === "text"
              ? part
              : { ...part, image_url: { url: urls.get(part.image_url.url) ?? part.image_url.url } },
          ),
        },
  );
  return { ...body, messages };
}
