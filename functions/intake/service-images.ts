/** The one door of images for a service: uploads, references in requests, and manifests of rows. */
import { createHash, randomBytes } from "node:crypto";
import sharp from "sharp";
import { manifestKey, manifestRowKey } from "../../shared/keys.ts";
import { type BlobStore, contentKey } from "../../shared/ports/blob-store.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { ManifestRow as ManifestRecord } from "../../shared/schemas/service.ts";
import { type AcceptedImage, acceptImage } from "./accept-image.ts";
import type { BadRow } from "./bad-row.ts";
import type { ManifestRow } from "./check-rows.ts";
import { readHttpRows } from "./http-rows.ts";
import type { ImageRefusal } from "./image-check.ts";
import { isContentId, openImage } from "./image-url.ts";
import type { WebRules } from "./safe-fetch.ts";

export type ServiceImagesDeps = {
  blobs: Pick<BlobStore, "read" | "write" | "writeContent">;
  clock: Pick<Clock, "now">;
  /** Rules for https URLs; `{}` calls the public internet only, false calls nothing. */
  web: WebRules | false;
};

/** A bad row as it is told to the caller. */
export type ToldRow = Omit<BadRow, "outcome">;

const TOLD_ROWS = 20; // our choice: enough to see the pattern
const THUMBNAIL_SIDE = 256; // pixels; our choice: sharp in a list on a screen of twice the density

export function serviceImages({ blobs, clock, web }: ServiceImagesDeps) {
  async function kept(image: AcceptedImage | ImageRefusal): Promise<AcceptedImage | ImageRefusal> {
    if (image.outcome === "accepted") await blobs.writeContent(image.bytes);
    return image;
  }

  return {
    /** Takes bytes in as they came and keeps what was accepted under its content key. */
    accept: async (bytes: Uint8Array) => kept(await acceptImage(bytes)),

    /** The same for a data or https URL; an image that is here already is opened by its 64 hex digits. */
    async open(reference: string, signal: AbortSignal): Promise<AcceptedImage | ImageRefusal> {
      const image = await openImage(reference, { blobs, web, signal });
      return isContentId(reference) ? image : kept(image);
    },

    /** At most 256 pixels wide and high, WebP; `undefined` for an unknown image. */
    async thumbnail(sha256: string): Promise<Uint8Array | undefined> {
      const bytes = isContentId(sha256) ? await blobs.read(contentKey(sha256)) : undefined;
      if (bytes === undefined) return undefined;
      const size = { width: THUMBNAIL_SIDE, height: THUMBNAIL_SIDE, fit: "inside", withoutEnlargement: true } as const;
      return sharp(bytes, { sequentialRead: true }).resize(size).webp().toBuffer();
    },

    /**
     * Checks rows as they come and keeps the good ones as a manifest under a new id; `bad` holds the first 20 of the others.
     * A manifest without any sample gets no row and so cannot be named. Aborted, it keeps nothing and throws the reason.
     */
    async manifest(
      rows: AsyncIterable<unknown>,
      { question, signal }: { question: string | undefined; signal: AbortSignal },
    ): Promise<{ row: ManifestRecord; bad: ToldRow[] }> {
      const manifestId = `man_${randomBytes(8).toString("hex")}`;
      const tally = new Tally();
      const checked = readHttpRows(rows, { blobs, web, question, signal });
      await blobs.write(manifestKey(manifestId), tally.sampleLines(checked));
      const row = { manifestId, ...tally.counts(), createdAt: clock.now() };
      if (row.samples > 0) await blobs.write(manifestRowKey(manifestId), JSON.stringify(row));
      return { row, bad: tally.told };
    },
  };
}

/** Counts rows while their samples are written. */
class Tally {
  readonly told: ToldRow[] = [];
  readonly #ids = createHash("sha256");
  #samples = 0;
  #bad = 0;

  async *sampleLines(rows: AsyncIterable<ManifestRow>): AsyncGenerator<string> {
    for await (const row of rows) {
      if (row.outcome === "sample") {
        this.#samples += 1;
        this.#ids.update(`${row.sample.sampleId}\n`);
        yield `${JSON.stringify(row.sample)}\n`;
        continue;
      }
      const { outcome: _, ...told } = row;
      this.#bad += 1;
      if (this.#bad <= TOLD_ROWS) this.told.push(told);
    }
  }

  /** The digest is `manifestDigest` of the samples' ids. */
  counts(): Pick<ManifestRecord, "samples" | "badRows" | "digest"> {
    return { samples: this.#samples, badRows: this.#bad, digest: this.#ids.copy().digest("hex") };
  }
}
