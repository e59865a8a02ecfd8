/**
 * The first of two walks over the pairs. It finds every fault (a lost or damaged image) before a byte is written, and
 * collects what must be known beforehand: the images' file names, the figures of the dataset card, and how many rows go
 * into each parquet file, whose names hold the number of files.
 */
import { createHash } from "node:crypto";
import { type BlobStore, contentKey } from "../../shared/ports/blob-store.ts";
import type { Pair } from "../../shared/schemas/pair.ts";
import { EXTENSION_OF, sniffFormat } from "../intake/image-check.ts";
import type { Sink } from "./sink.ts";

/** The export cannot be made; the message names the pair and says what to do. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}

/** Sums over all pairs; words are split at white space, as RLAIF-V counts them (rlaifv-spec §1.8). */
type Totals = {
  pairs: number;
  chosenWords: number;
  rejectedWords: number;
  shorterChosen: number;
  scoreGap: number;
  claims: number;
};

export type Survey = {
  totals: Totals;
  samples: number;
  rounds: number[];
  /** File name inside `images/` by the image's SHA-256. */
  imageFiles: ReadonlyMap<string, string>;
  imageBytes: number;
  /** Rows of each parquet file; at least one file, which may be empty. */
  rowsPerFile: number[];
};

/** What the writers of the formats share. */
export type ExportContext = {
  /** Opens the pairs from their beginning. */
  pairs: () => AsyncIterable<Pair>;
  blobs: Pick<BlobStore, "read">;
  sink: Sink;
  survey: Survey;
};

/** A parquet file is closed once it holds this much. Our choice; the Hub's own default is 500 MB per shard. */
const FILE_BYTES = 256 * 1024 * 1024;
/** Bytes of a row beside image and texts: ids, dataset names and levels, roughly. */
const ROW_OVERHEAD = 512;

function countWords(text: string): number {
  return text.split(/\s+/u).filter((word) => word !== "").length;
}

/** The image's original bytes, verified against their hash. `owner` is who needs it, for messages. */
export async function readImage(
  blobs: Pick<BlobStore, "read">,
  { sha256, path }: Pair["image"],
  owner: string,
): Promise<Uint8Array> {
  const bytes = await blobs.read(contentKey(sha256));
  const named = `${owner}: image ${path} (${contentKey(sha256)})`;
  if (!bytes) throw new ExportError(`${named} is not in the store; read the manifest into it again`);
  const actual = createHash("sha256").update(bytes).digest("hex");
  if (actual !== sha256) throw new ExportError(`${named} has changed on disk; delete it and read the manifest again`);
  return bytes;
}

/** Decides, row by row, where one parquet file ends and the next begins. */
class FilePlan {
  readonly rows: number[] = [0];
  readonly #limit: number;
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(bytes: number): void {
    if (this.#bytes > 0 && this.#bytes + bytes > this.#limit) {
      this.rows.push(0);
      this.#bytes = 0;
    }
    this.rows[this.rows.length - 1]! += 1;
    this.#bytes += bytes;
  }
}

function addTotals(totals: Totals, { chosen, rejected }: Pair): void {
  const [chosenWords, rejectedWords] = [countWords(chosen.text), countWords(rejected.text)];
  totals.pairs += 1;
  totals.chosenWords += chosenWords;
  totals.rejectedWords += rejectedWords;
  totals.shorterChosen += chosenWords < rejectedWords ? 1 : 0;
  totals.scoreGap += chosen.score - rejected.score;
  totals.claims += chosen.claims.length + rejected.claims.length;
}

/** Walks over all pairs once; each image is read and verified once. */
export async function surveyPairs(
  pairs: AsyncIterable<Pair>,
  blobs: Pick<BlobStore, "read">,
  fileBytes = FILE_BYTES,
): Promise<Survey> {
  const totals: Totals = { pairs: 0, chosenWords: 0, rejectedWords: 0, shorterChosen: 0, scoreGap: 0, claims: 0 };
  const images = new Map<string, { file: string; bytes: number }>();
  const [samples, rounds, plan] = [new Set<string>(), new Set<number>(), new FilePlan(fileBytes)];
  for await (const pair of pairs) {
    const image = images.get(pair.image.sha256) ?? (await surveyImage(pair, blobs));
    images.set(pair.image.sha256, image);
    addTotals(totals, pair);
    samples.add(pair.sampleId);
    rounds.add(pair.round);
    plan.add(image.bytes + pair.question.length + pair.chosen.text.length + pair.rejected.text.length + ROW_OVERHEAD);
  }
  return {
    totals,
    samples: samples.size,
    rounds: [...rounds].sort((a, b) => a - b),
    imageFiles: new Map([...images].map(([sha256, { file }]) => [sha256, file])),
    imageBytes: [...images.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    rowsPerFile: plan.rows,
  };
}

async function surveyImage(pair: Pair, blobs: Pick<BlobStore, "read">): Promise<{ file: string; bytes: number }> {
  const bytes = await readImage(blobs, pair.image, `pair ${pair.pairId}`);
  const format = sniffFormat(bytes);
  if (!format) throw new ExportError(`pair ${pair.pairId}: image ${pair.image.path} is no JPEG, PNG or WebP`);
  return { file: `${pair.image.sha256}.${EXTENSION_OF[format]}`, bytes: bytes.length };
}
