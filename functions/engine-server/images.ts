/** Images of a request: data URLs in, `blob:<sha256>` out. */
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { ChatBody } from "../../shared/schemas/chat.ts";
import { ApiError } from "./errors.ts";

const DATA_URL = /^data:image\/(?:jpeg|jpg|png|webp|gif);base64,/;
const MAX_IMAGE_BYTES = 20 * 1024 * 1024; // OpenAI's own limit for one image when this was written

/** The body with every image stored and named by its hash. Throws ApiError 400 that names the part at fault. */
export async function storeImages(body: ChatBody, images: BlobStore): Promise<ChatBody> {
  const messages = await Promise.all(
    body.messages.map(async (message, at) => {
      if (typeof message.content === "string") return message;
      const parts = message.content.map(async (part, index) =>
        part.type === "text"
          ? part
          : {
              ...part,
              image_url: {
                url: await stored(part.image_url.url, `messages[${at}].content[${index}].image_url.url`, images),
              },
            },
      );
      return { ...message, content: await Promise.all(parts) };
    }),
  );
  return { ...body, messages };
}

async function stored(url: string, param: string, images: BlobStore): Promise<string> {
  const refuse = (message: string) => new ApiError(400, { code: "invalid_image", param, message });
  if (/^https?:/i.test(url))
    throw refuse(
      "This server fetches no images from the network: send the image as a data URL (data:image/png;base64,…).",
    );
  const head = DATA_URL.exec(url)?.[0];
  if (head === undefined)
    throw refuse("An image must be a data URL of JPEG, PNG, WebP or GIF in base64 (data:image/png;base64,…).");
  if ((url.length - head.length) * 0.75 > MAX_IMAGE_BYTES)
    throw refuse(`The image is larger than ${MAX_IMAGE_BYTES} bytes: send a smaller one.`);
  const bytes = decoded(url.slice(head.length));
  if (bytes === undefined) throw refuse("The image is not valid base64.");
  if (!looksLikeImage(bytes)) throw refuse("The bytes are not a JPEG, PNG, WebP or GIF image.");
  return `blob:${await images.writeContent(bytes)}`;
}

function decoded(base64: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}

const SIGNATURES = [
  [0xff, 0xd8, 0xff], // JPEG
  [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], // PNG
  [0x52, 0x49, 0x46, 0x46], // RIFF, the container of WebP
  [0x47, 0x49, 0x46, 0x38], // GIF8
];

function looksLikeImage(bytes: Uint8Array): boolean {
  return SIGNATURES.some((signature) => signature.every((byte, index) => bytes[index] === byte));
}
