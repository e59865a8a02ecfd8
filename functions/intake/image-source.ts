/** Gets the bytes an image field stands for: a path, base64, a data URL, or bytes of a parquet column. */
import { readFile } from "node:fs/promises";
import { type Problem, problem } from "./bad-row.ts";
import { refusedRow, tooManyBytes } from "./image-check.ts";
import { findImageFile, type PathRules } from "./image-path.ts";
import { fromBase64, fromDataUrl, isBase64, isDataUrl } from "./inline-image.ts";

/**
 * `name` is the path to keep for the exports where the field itself holds only bytes. `sha256` stands in this project's own
 * exports beside the file.
 */
export type ImageSource = { field: string; name?: string | undefined } & (
  | { kind: "text"; text: string; sha256?: string | undefined }
  | { kind: "bytes"; bytes: Uint8Array }
);

/** `name` is undefined for inline images that no field names. */
export type LoadedImage = { outcome: "loaded"; bytes: Uint8Array; name: string | undefined };

/** RLAIF-V's rule for `image`: longer texts are base64, others paths (rlaifv-spec §1.1). */
const LONGEST_PATH = 100;
/** Linux's PATH_MAX: a longer text can only be damaged base64. */
const PATH_MAX = 4096;

export const WEB_URL = /^[a-z][a-z0-9+.-]*:\/\//i;

/** True for texts that hold image bytes rather than name a file. */
export function looksLikeBase64(text: string): boolean {
  return text.length > PATH_MAX || (text.length > LONGEST_PATH && isBase64(text));
}

async function fromFile(text: string, field: string, rules: PathRules): Promise<LoadedImage | Problem> {
  const found = await findImageFile(text, field, rules);
  if (!("outcome" in found)) return found;
  // Asked before reading, so that a huge file costs no memory.
  const tooMany = tooManyBytes(found.bytes);
  if (tooMany) return refusedRow(tooMany, field, text);
  try {
    return { outcome: "loaded", bytes: await readFile(found.path), name: text };
  } catch (error) {
    const reason = `the file cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`;
    return problem("image_not_found", [field, text], reason, "Check its permissions.");
  }
}

/** Base64 or a data URL. */
export function loadInline(text: string, { field, name }: ImageSource): LoadedImage | Problem {
  const inline = isDataUrl(text) ? fromDataUrl(text) : fromBase64(text);
  return inline.outcome === "refused"
    ? refusedRow(inline, field, text)
    : { outcome: "loaded", bytes: inline.bytes, name };
}

/** The bytes of an image field, unchecked, or what is wrong with it. */
export async function loadImage(source: ImageSource, rules: PathRules): Promise<LoadedImage | Problem> {
  const { field, name } = source;
  if (source.kind === "bytes") return { outcome: "loaded", bytes: source.bytes, name };
  const { text } = source;
  if (WEB_URL.test(text)) {
    const fix = "Download the images first and name their paths.";
    return problem("image_is_a_url", [field, text], "a manifest on this machine is read without the network", fix);
  }
  if (isDataUrl(text) || looksLikeBase64(text)) return loadInline(text, source);
  const loaded = await fromFile(text, field, rules);
  return "outcome" in loaded ? { ...loaded, name: name ?? text } : loaded;
}
