/**
 * Rows that were sent to a service. An image is a data URL, an https URL or the content id of an uploaded image; no row
 * names a file of the server. A bad row is reported and the others go on, as in manifests of this machine.
 */
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { AcceptedImage } from "./accept-image.ts";
import { type Problem, problem } from "./bad-row.ts";
import { checkRows, type ImageDoor, type ManifestRow } from "./check-rows.ts";
import { type ImageRefusal, refusedRow } from "./image-check.ts";
import { type ImageSource, loadInline, looksLikeBase64, WEB_URL } from "./image-source.ts";
import { isContentId, openImage } from "./image-url.ts";
import { isDataUrl } from "./inline-image.ts";
import { jsonRows, parseText } from "./json-rows.ts";
import { imageKeeper, type KeptImage } from "./kept-images.ts";
import type { RawRow } from "./raw-row.ts";
import type { WebRules } from "./safe-fetch.ts";
import { shownUrl } from "./web-error.ts";

export type HttpRowsOptions = {
  blobs: Pick<BlobStore, "read" | "writeContent">;
  /** Rules for https URLs; false refuses them. */
  web: WebRules | false;
  /** Serves rows that name no question. */
  question?: string | undefined;
  /** Rows worked on at the same time; each may hold an image. */
  concurrency?: number | undefined;
  /** Ends the reading with its reason. */
  signal?: AbortSignal | undefined;
};

const CONCURRENCY = 8; // our choice: waiting for other servers costs this one nothing, eight images cost it 160 MiB

/** Rows of a JSON body that was parsed already: a string is one JSON text, anything else a row itself. */
export async function* readHttpRows(
  lines: AsyncIterable<unknown>,
  options: HttpRowsOptions,
): AsyncGenerator<ManifestRow> {
  yield* readRows(numbered(lines), options);
}

/** Rows of an NDJSON body as it arrives, never held as a whole. */
export async function* readHttpBody(
  body: AsyncIterable<Uint8Array>,
  options: HttpRowsOptions,
): AsyncGenerator<ManifestRow> {
  yield* readRows(jsonRows(body, false), options);
}

function readRows(rows: AsyncIterable<RawRow>, options: HttpRowsOptions): AsyncGenerator<ManifestRow> {
  const concurrency = options.concurrency ?? CONCURRENCY;
  return checkRows(rows, { door: httpDoor(options), fallbackQuestion: options.question, concurrency });
}

/** Blank lines are passed over but counted. */
async function* numbered(lines: AsyncIterable<unknown>): AsyncGenerator<RawRow> {
  let line = 0;
  for await (const value of lines) {
    line += 1;
    if (typeof value !== "string") yield { line, kind: "row", row: value };
    else if (value.trim() !== "") yield { line, ...parseText(value) };
  }
}

/** Looks each reference up once, however many rows name it and whether they come at the same time. */
function httpDoor({ blobs, web, signal }: HttpRowsOptions): ImageDoor {
  const keeper = imageKeeper((bytes) => blobs.writeContent(bytes));
  const met = new Map<string, Promise<KeptImage | ImageRefusal>>();

  async function open(reference: string): Promise<KeptImage | ImageRefusal> {
    const image = await openImage(reference, { web, signal, blobs });
    if (image.outcome === "accepted" && !isContentId(reference)) await blobs.writeContent(image.bytes);
    return kept(image);
  }

  function once(reference: string): Promise<KeptImage | ImageRefusal> {
    const known = met.get(reference) ?? open(reference);
    met.set(reference, known);
    return known;
  }

  return async (source) => {
    signal?.throwIfAborted();
    const read = referenceOf(source);
    if ("code" in read) return read;
    const image = await (read.kind === "inline" ? keeper(read.bytes) : once(read.reference));
    if (image.outcome === "refused") return refusedRow(image, source.field, read.shown);
    return { outcome: "opened", image, name: read.name };
  };
}

function kept(image: AcceptedImage | ImageRefusal): KeptImage | ImageRefusal {
  if (image.outcome === "refused") return image;
  const { sha256, format, width, height } = image;
  return { outcome: "kept", sha256, format, width, height };
}

type Reference = { shown: string; name: string | undefined } & (
  | { kind: "inline"; bytes: Uint8Array }
  | { kind: "named"; reference: string }
);

/** What a row's field refers to, or why a stranger may not refer to it. */
function referenceOf(source: ImageSource): Reference | Problem {
  if (source.kind === "bytes") return { kind: "inline", bytes: source.bytes, shown: "(inline)", name: source.name };
  const { field, name } = source;
  const text = source.sha256 ?? source.text;
  if (isContentId(text)) return { kind: "named", reference: text, shown: text, name };
  if (WEB_URL.test(text))
    return { kind: "named", reference: text, shown: shownUrl(text), name: name ?? withoutQuery(text) };
  if (!isDataUrl(text) && !looksLikeBase64(text)) {
    const fix = "Upload it with POST /v1/images and name its id, or send a data URL or an https URL.";
    return problem("image_is_a_file", [field, text], "a service reads no files of its machine", fix);
  }
  const loaded = loadInline(text, source);
  return "code" in loaded ? loaded : { kind: "inline", bytes: loaded.bytes, shown: text, name };
}

/** What comes after `?` may be a signature or a token: it must not travel into exports. */
function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, "");
}
