/** Images of a chat: URLs in, `blob:<sha256>` out. */
import type { ChatBody } from "../../../shared/schemas/chat.ts";
import type { Submitted } from "../../../shared/schemas/sample.ts";
import type { AcceptedImage, Images } from "../deps.ts";
import { ApiError } from "./errors.ts";

/** The images of a body by the `blob:` URL that names them in it. */
export type Pictures = ReadonlyMap<string, Submitted["image"]>;

/** The body with every image kept and named by its hash. Throws ApiError 400 that names the part at fault. */
export async function openImages(
  body: ChatBody,
  images: Pick<Images, "open">,
  signal: AbortSignal,
): Promise<{ body: ChatBody; pictures: Pictures }> {
  const pictures = new Map<string, Submitted["image"]>();
  const keep = ({ sha256, width, height }: AcceptedImage): string => {
    const url = `blob:${sha256}`;
    pictures.set(url, { sha256, path: `images/${sha256}`, width, height });
    return url;
  };
  const messages = await Promise.all(
    body.messages.map(async (message, at) => {
      if (typeof message.content === "string") return message;
      const parts = message.content.map(async (part, index) => {
        if (part.type === "text") return part;
        const image = await images.open(part.image_url.url, signal);
        if (image.outcome === "accepted") return { ...part, image_url: { url: keep(image) } };
        throw refused(image, `messages[${at}].content[${index}].image_url.url`);
      });
      return { ...message, content: await Promise.all(parts) };
    }),
  );
  return { body: { ...body, messages }, pictures };
}

function refused({ code, reason, fix }: { code: string; reason: string; fix: string }, param: string): ApiError {
  return new ApiError(400, { code, param, message: `The image was not taken: ${reason}. ${fix}` });
}
