/** Gets the bytes an image field stands for: a path, base64, a data URL, or bytes of a parquet column. */
import { readFile } from "node:fs/promises";
import { type Problem, problem } from "./bad-row.ts";
import { MAX_IMAGE_BYTES, tooManyBytes } from "./image-check.ts";
import { findImageFile, type PathRules } from "./image-path.ts";

/** `name` is the path to keep for the exports where the field itself holds only bytes. */
export type ImageSource = { field: string; name?: string | undefined } & (
  | { kind: "text"; text: string }
  | { kind: "bytes"; bytes: Uint8Array }
);

/** `name` is undefined for inline images that no field names. */
export type LoadedImage = { outcome: "loaded"; bytes: Uint8Array; name: string | undefined };

/** RLAIF-V's rule for `image`: longer texts are base64, others paths (rlaifv-spec §1.1). */
const LONGEST_PATH = 100;
/** Linux's PATH_MAX: a longer text can only be damaged base64. */
const PATH_MAX = 4096;

/** Linear in the text's length whatever it holds: nothing the first class takes can also begin the second part. */
const BASE64 = /^[A-Za-z0-9+/\s]+(?:=\s*){0,2}$/;
const DATA_URL = /^data:([^;,]*)((?:;[^;,]*)*),/i;
const WEB_URL = /^[a-z][a-z0-9+.-]*:\/\//i;

function fromBase64(text: string, field: string, shown: string): Uint8Array | Problem {
  const valid = BASE64.test(text) && text.replaceAll(/[\s=]+/g, "").length % 4 !== 1;
  if (valid) return Buffer.from(text, "base64");
  return problem(
    "unknown_encoding",
    [field, shown],
    "not valid base64",
    "Encode the image file's bytes as standard base64.",
  );
}

function fromDataUrl(text: string, field: string): Uint8Array | Problem {
  const head = DATA_URL.exec(text);
  const isBase64 = head?.[2]?.toLowerCase().split(";").includes("base64") ?? false;
  if (!head || !isBase64) {
    const fix = "Write data:image/jpeg;base64,… (or png, webp).";
    return problem("unknown_encoding", [field, text], "a data URL without ;base64", fix);
  }
  return fromBase64(text.slice(head[0].length), field, text);
}

/** True for texts that hold image bytes rather than name a file. */
function looksLikeBase64(text: string): boolean {
  return text.length > PATH_MAX || (text.length > LONGEST_PATH && BASE64.test(text));
}

async function fromFile(text: string, field: string, rules: PathRules): Promise<LoadedImage | Problem> {
  const found = await findImageFile(text, field, rules);
  if (!("outcome" in found)) return found;
  // Asked before reading, so that a huge file costs no memory.
  if (found.bytes > MAX_IMAGE_BYTES) return tooManyBytes(found.bytes, field, text);
  try {
    return { outcome: "loaded", bytes: await readFile(found.path), name: text };
  } catch (error) {
    const reason = `the file cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`;
    return problem("image_not_found", [field, text], reason, "Check its permissions.");
  }
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
  const isDataUrl = text.slice(0, 5).toLowerCase() === "data:";
  if (!isDataUrl && !looksLikeBase64(text)) {
    const loaded = await fromFile(text, field, rules);
    return "outcome" in loaded ? { ...loaded, name: name ?? text } : loaded;
  }
  const bytes = isDataUrl ? fromDataUrl(text, field) : fromBase64(text, field, text);
  return bytes instanceof Uint8Array ? { outcome: "loaded", bytes, name } : bytes;
}
