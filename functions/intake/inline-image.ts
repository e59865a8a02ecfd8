/** Images that stand in the text itself: base64, or a data URL. */
import { type ImageRefusal, refusal } from "./image-check.ts";

/** Linear in the text's length whatever it holds: nothing the first class takes can also begin the second part. */
const BASE64 = /^[A-Za-z0-9+/\s]+(?:=\s*){0,2}$/;
const DATA_URL = /^data:([^;,]*)((?:;[^;,]*)*),/i;

export type InlineImage = { outcome: "inline"; bytes: Uint8Array };

/** True when the text has only characters of base64; it may still be damaged. */
export function isBase64(text: string): boolean {
  return BASE64.test(text);
}

export function isDataUrl(text: string): boolean {
  return text.slice(0, 5).toLowerCase() === "data:";
}

export function fromBase64(text: string): InlineImage | ImageRefusal {
  const valid = isBase64(text) && text.replaceAll(/[\s=]+/g, "").length % 4 !== 1;
  if (valid) return { outcome: "inline", bytes: Buffer.from(text, "base64") };
  return refusal("unknown_encoding", "not valid base64", "Encode the image file's bytes as standard base64.");
}

/** The media type a data URL claims is not looked at: bytes decide. */
export function fromDataUrl(text: string): InlineImage | ImageRefusal {
  const head = DATA_URL.exec(text);
  const encoded = head?.[2]?.toLowerCase().split(";").includes("base64") ?? false;
  if (head && encoded) return fromBase64(text.slice(head[0].length));
  return refusal("unknown_encoding", "a data URL without ;base64", "Write data:image/jpeg;base64,… (or png, webp).");
}
