/**
 * Reads a manifest into checked samples. The images go to the BlobStore as they were accepted, clean ones byte for byte; a
 * bad row is reported with its place, field, reason and way out, and the others go on.
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { FileRef } from "../../shared/schemas/config.ts";
import type { BadRow } from "./bad-row.ts";
import { checkRows, type ImageDoor, type ManifestRow } from "./check-rows.ts";
import { type Container, openContainer } from "./container.ts";
import { refusedRow } from "./image-check.ts";
import type { PathRules } from "./image-path.ts";
import { loadImage } from "./image-source.ts";
import { imageKeeper } from "./kept-images.ts";
import { ManifestError } from "./raw-row.ts";

export type ReadManifestOptions = {
  blobs: Pick<BlobStore, "writeContent">;
  /** Check the whole manifest first and throw a ManifestRejected, before any row is yielded or stored, if one row is bad. */
  strict?: boolean;
  /** Folder that relative image paths may not leave; the manifest's own by default. */
  root?: string;
  /** For manifests of strangers: refuse absolute paths and symbolic links. */
  confined?: boolean;
  /** Images read and decoded at the same time; each may hold an image of the largest size. */
  concurrency?: number;
};

const CONCURRENCY = 4; // libuv's default pool, which sharp and the file reads share
const REPORTED_ROWS = 20; // our choice: enough to see the pattern

/** Strict reading found bad rows; `badRows` holds the first ones, `count` all. */
export class ManifestRejected extends ManifestError {
  override readonly name = "ManifestRejected";
  readonly badRows: readonly BadRow[];
  readonly count: number;

  constructor(path: string, badRows: readonly BadRow[], count: number) {
    const lines = badRows.map((row) => `  line ${row.line}, ${row.field}: ${row.reason}. ${row.fix}`);
    super([`${path}: ${count} bad rows (strict: nothing was started)`, ...lines].join("\n"));
    this.badRows = badRows;
    this.count = count;
  }
}

async function* readRows(
  container: Container,
  ref: FileRef,
  options: ReadManifestOptions,
  keep: (bytes: Uint8Array) => Promise<unknown>,
): AsyncGenerator<ManifestRow> {
  const { folder } = container;
  const paths = { folder, root: resolve(options.root ?? folder), confined: options.confined ?? false };
  const concurrency = options.concurrency ?? CONCURRENCY;
  yield* checkRows(container.rows(), { door: fileDoor(paths, keep), fallbackQuestion: ref.question, concurrency });
}

/** Opens what stands in the row itself, and files as the rules allow. */
function fileDoor(paths: PathRules, keep: (bytes: Uint8Array) => Promise<unknown>): ImageDoor {
  const keeper = imageKeeper(keep);
  return async (source) => {
    const loaded = await loadImage(source, paths);
    if ("code" in loaded) return loaded;
    const image = await keeper(loaded.bytes);
    if (image.outcome === "refused") return refusedRow(image, source.field, loaded.name ?? "(inline)");
    return { outcome: "opened", image, name: loaded.name };
  };
}

/** Reads everything once without keeping anything, and throws when a row is bad. */
async function requireAllGood(container: Container, ref: FileRef, options: ReadManifestOptions): Promise<void> {
  const badRows: BadRow[] = [];
  let count = 0;
  for await (const row of readRows(container, ref, options, async () => undefined)) {
    if (row.outcome !== "bad_row") continue;
    count += 1;
    if (count <= REPORTED_ROWS) badRows.push(row);
  }
  if (count > 0) throw new ManifestRejected(ref.path, badRows, count);
}

/**
 * The rows of a manifest in order, streamed: JSONL, a JSON array, a folder of images with `ref.question`, or parquet.
 * `ref.question` also serves rows that name no question. Throws a ManifestError where the manifest as a whole is unreadable.
 */
export async function* readManifest(ref: FileRef, options: ReadManifestOptions): AsyncGenerator<ManifestRow> {
  const container = await openContainer(ref);
  if (options.strict) await requireAllGood(container, ref, options);
  yield* readRows(container, ref, options, (bytes) => options.blobs.writeContent(bytes));
}

/** SHA-256 (hex) over the samples' ids in their order: equal digests mean the same images and questions in the same order. */
export function manifestDigest(sampleIds: Iterable<string>): string {
  const hash = createHash("sha256");
  for (const sampleId of sampleIds) hash.update(`${sampleId}\n`);
  return hash.digest("hex");
}
