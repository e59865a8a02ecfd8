/** What the export tests share: pairs with hostile texts over real small images, and exports into a folder. */
import { folderBlobStore } from "../../functions/adapters/files/blob-store.ts";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { exportDataset } from "../../functions/exports/dataset.ts";
import { sampleIdOf, sha256Hex } from "../../shared/ids.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { ExportFormat, ExportLineage, Lineage } from "../../shared/schemas/lineage.ts";
import type { Pair, PairSide } from "../../shared/schemas/pair.ts";
import { picture } from "../intake/support.ts";

export const HOSTILE = [
  '"quoted", \\ and \'',
  "two\nlines\r\n\ttab",
  "🪁‍👩‍👧 naïve Ω",
  "\u2028\u0000\u0007",
  "</script>{{x}}%s",
  "-- ; DROP TABLE x",
];

export const lineage: Lineage = {
  schema: "rlaifv-lineage/1",
  run: { id: "run-1", name: "demo", configDigest: sha256Hex("config") },
  code: { version: "0.1.0", revision: null },
  data: { manifestDigest: sha256Hex("manifest"), samples: 3 },
  seeds: { run: 1 },
  models: [
    { role: "policy", engine: "embedded", model: "base|model", revision: null },
    { role: "labeler", engine: "openai", model: "labeler", revision: "abc" },
  ],
  rounds: [
    { round: 1, policy: "base|model", checkpointSha256: null },
    { round: 2, policy: "demo-r1", checkpointSha256: sha256Hex("weights") },
  ],
  prompts: [{ name: "divide", sha256: sha256Hex("prompt") }],
};

export function side(text: string, score: number): PairSide {
  const claims = Array.from({ length: 2 }, (_, index) => ({
    text: `Claim ${index}.`,
    question: `Is it ${index}?`,
    pYes: 0.5,
    pNo: 0.25,
    verdict: index < -score ? ("rejected" as const) : ("accepted" as const),
  }));
  return { candidateId: `cnd_${sha256Hex(text).slice(0, 16)}`, text, score, claims };
}

/** `count` pairs, two for each (image, question), over three images of three formats. */
export async function makePairs(count: number): Promise<{ pairs: Pair[]; blobs: BlobStore }> {
  const blobs = memoryBlobStore();
  const images = await Promise.all([picture("jpeg"), picture("png"), picture("webp")]);
  const hashes = await Promise.all(images.map((bytes) => blobs.writeContent(bytes)));
  const pairs = Array.from({ length: count }, (_, index): Pair => {
    const sample = Math.floor(index / 2);
    const sha256 = hashes[sample % 3]!;
    const question = `${sample}: ${HOSTILE[sample % HOSTILE.length]}`;
    return {
      pairId: `pair_${String(index).padStart(6, "0")}`,
      sampleId: sampleIdOf({ imageSha256: sha256, question }),
      round: 1 + (index % 2),
      image: { sha256, path: `photos/käse ${sample % 3}` },
      question,
      ...(sample % 2 === 0 ? {} : { reference: "A tower" }),
      chosen: side(`chosen ${index} ${HOSTILE[index % HOSTILE.length]}`, 0),
      rejected: side(`rejected ${index}`, -1 - (index % 2)),
      metadata: sample % 2 === 0 ? {} : { ds_question_id: `ds-${sample}`, type: "question_answering" },
    };
  });
  return { pairs, blobs };
}

export async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

export type Made = { pairs: Pair[]; blobs: BlobStore };

/** Exports into a folder of the file system. */
export async function exportTo(
  folder: string,
  format: ExportFormat,
  { pairs, blobs }: Made,
  fileBytes?: number,
): Promise<ExportLineage["export"]> {
  const output = { store: await folderBlobStore(folder), prefix: "" };
  const limit = fileBytes === undefined ? {} : { fileBytes };
  return exportDataset({ pairs: () => each(pairs), blobs, lineage, format, output, ...limit });
}
