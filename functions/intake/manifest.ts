/**
 * Reads a manifest into checked samples. The images' original bytes go to the BlobStore under their SHA-256, so that
 * exports are byte-equal; a bad row is reported with its place, field, reason and way out, and the others go on.
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { sampleIdOf } from "../../shared/ids.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { FileRef } from "../../shared/schemas/config.ts";
import type { Submitted } from "../../shared/schemas/sample.ts";
import { type BadRow, type Problem, problem } from "./bad-row.ts";
import { type Container, openContainer } from "./container.ts";
import { type CheckedImage, checkImage, EXTENSION_OF } from "./image-check.ts";
import type { PathRules } from "./image-path.ts";
import { type LoadedImage, loadImage } from "./image-source.ts";
import { mapInOrder } from "./in-order.ts";
import { ManifestError, type RawRow } from "./raw-row.ts";
import { type Draft, readRecord } from "./record.ts";

/** One row's ending. `line` counts from 1. */
export type ManifestRow = { outcome: "sample"; line: number; sample: Submitted } | BadRow;

export type ReadManifestOptions = {
  blobs: Pick<BlobStore, "writeContent">;
  /** Check the whole manifest first and throw a ManifestRejected, before any row is yielded or stored, if one row is bad. */
  strict?: boolean;
  /** Folder that relative image paths may not leave; the manifest's own by default. */
  root?: string;
  /** For manifests of strangers: refuse absolute paths and symbolic links. */
  confined?: boolean;
  /** Images read and decoded at the same time; each may hold MAX_IMAGE_BYTES. */
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

/** What reading one manifest needs beside the rows. */
type Reading = {
  rules: PathRules;
  fallbackQuestion: string | undefined;
  /** Called once for the bytes of every good image. */
  keep: (bytes: Uint8Array) => Promise<unknown>;
  /** Good images by SHA-256: many questions about one image decode and store it once. */
  known: Map<string, CheckedImage>;
};
type Checked = { line: number; draft: Draft; image: Submitted["image"] } | BadRow;

function badRow(line: number, what: Problem): BadRow {
  return { outcome: "bad_row", line, ...what };
}

/** Checks and keeps an image that was not met before. */
async function meetImage(
  sha256: string,
  { bytes, name }: LoadedImage,
  field: string,
  { keep, known }: Reading,
): Promise<CheckedImage | Problem> {
  const met = known.get(sha256);
  if (met) return met;
  const checked = await checkImage(bytes, field, name ?? "(inline)");
  if ("code" in checked) return checked;
  await keep(bytes);
  known.set(sha256, checked);
  return checked;
}

async function checkRow(raw: RawRow, reading: Reading): Promise<Checked> {
  const { line } = raw;
  if (raw.kind === "problem") return badRow(line, raw.problem);
  const draft = readRecord(raw.row, reading.fallbackQuestion);
  if ("code" in draft) return badRow(line, draft);
  const loaded = await loadImage(draft.image, reading.rules);
  if ("code" in loaded) return badRow(line, loaded);
  const sha256 = createHash("sha256").update(loaded.bytes).digest("hex");
  const met = await meetImage(sha256, loaded, draft.image.field, reading);
  if ("code" in met) return badRow(line, met);
  const path = loaded.name ?? `${sha256}.${EXTENSION_OF[met.format]}`;
  return { line, draft: withoutImage(draft), image: { sha256, path, width: met.width, height: met.height } };
}

/** Lets go of inline bytes, which would otherwise live as long as the row waits for its turn. */
function withoutImage(draft: Draft): Draft {
  return { ...draft, image: { kind: "text", field: draft.image.field, text: "" } };
}

/** Turns checked rows into samples one after the other and tells repetitions apart; remembers ids only. */
class Assembler {
  readonly #lineOfId = new Map<string, number>();
  readonly #lineOfSample = new Map<string, number>();

  /** Undefined for a further pair of a sample that is already there. */
  assemble(checked: Checked): ManifestRow | undefined {
    if ("outcome" in checked) return checked;
    const { line, draft, image } = checked;
    const sampleId = sampleIdOf({ imageSha256: image.sha256, question: draft.question, row: draft.id });
    const first = this.#lineOfSample.get(sampleId);
    if (first !== undefined && draft.isPair) return undefined;
    const repeated = this.#repetition(draft, first);
    if (repeated) return badRow(line, repeated);
    if (draft.id !== undefined) this.#lineOfId.set(draft.id, line);
    this.#lineOfSample.set(sampleId, line);
    const reference = draft.reference === undefined ? {} : { reference: draft.reference };
    return {
      outcome: "sample",
      line,
      sample: { sampleId, image, question: draft.question, ...reference, metadata: draft.metadata },
    };
  }

  #repetition(draft: Draft, firstLine: number | undefined): Problem | undefined {
    const sameId = draft.id === undefined ? undefined : this.#lineOfId.get(draft.id);
    if (sameId !== undefined && !draft.isPair) {
      return problem(
        "duplicate_id",
        ["id", draft.id],
        `line ${sameId} has the same id`,
        "Give every row an id of its own.",
      );
    }
    if (firstLine === undefined) return undefined;
    const fix = "Leave the row out, or give it an id if it is meant twice.";
    return problem(
      "duplicate_question",
      ["question", draft.question],
      `line ${firstLine} asks the same about the same image`,
      fix,
    );
  }
}

async function* readRows(
  container: Container,
  ref: FileRef,
  options: ReadManifestOptions,
  keep: Reading["keep"],
): AsyncGenerator<ManifestRow> {
  const { folder } = container;
  const rules = { folder, root: resolve(options.root ?? folder), confined: options.confined ?? false };
  const reading = { rules, fallbackQuestion: ref.question, keep, known: new Map<string, CheckedImage>() };
  const assembler = new Assembler();
  const limit = options.concurrency ?? CONCURRENCY;
  for await (const checked of mapInOrder(container.rows(), limit, (raw) => checkRow(raw, reading))) {
    const row = assembler.assemble(checked);
    if (row) yield row;
  }
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
