/** Exports preference pairs as a dataset others can load, with a card and a lineage file. */
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import { type ExportFormat, ExportLineage, type Lineage } from "../../shared/schemas/lineage.ts";
import type { Pair } from "../../shared/schemas/pair.ts";
import { datasetCard } from "./card.ts";
import { ownRecord, rlaifvRecord, writeJsonLines } from "./json-lines.ts";
import { writeParquetFiles } from "./parquet-files.ts";
import { type ExportOutput, openSink } from "./sink.ts";
import { type ExportContext, surveyPairs } from "./survey.ts";
import { rlaifvTable, textCleaner, trlTable } from "./tables.ts";

export type ExportInput = {
  /** Opens the pairs from their beginning; called twice, and must give the same pairs both times. */
  pairs: () => AsyncIterable<Pair>;
  /** Holds the images' original bytes under their content keys. */
  blobs: Pick<BlobStore, "read">;
  lineage: Lineage;
  format: ExportFormat;
  output: ExportOutput;
  /** Bytes after which a parquet file is closed and the next begun; 256 MiB by default. */
  fileBytes?: number;
};

/** Writes the format's data files and tells in how many texts lone surrogates had to be replaced. */
async function writeData(context: ExportContext, format: ExportFormat, lineage: Lineage): Promise<number> {
  const { survey } = context;
  const cleaner = textCleaner();
  switch (format) {
    case "jsonl":
      await writeJsonLines(context, (pair) => ownRecord(pair, survey));
      break;
    case "rlaifv":
      await writeJsonLines(context, (pair) => rlaifvRecord(pair, survey, lineage));
      break;
    case "parquet":
      await writeParquetFiles(context, rlaifvTable(lineage, cleaner));
      break;
    case "trl":
      await writeParquetFiles(context, trlTable(cleaner));
      break;
  }
  return cleaner.replaced();
}

/**
 * Writes the dataset below the output's prefix: data files, `README.md`, and last `lineage.json`, whose presence says that
 * the export is whole. The same pairs, images and lineage give the same bytes. Throws an ExportError before anything is
 * written when an image is lost or damaged. An empty dataset is a dataset.
 */
export async function exportDataset({
  pairs,
  blobs,
  lineage,
  format,
  output,
  fileBytes,
}: ExportInput): Promise<ExportLineage["export"]> {
  const survey = await surveyPairs(pairs(), blobs, fileBytes);
  const sink = openSink(output);
  const replacedTexts = await writeData({ pairs, blobs, sink, survey }, format, lineage);
  await sink.write("README.md", datasetCard(format, lineage, survey));
  const made = {
    format,
    pairs: survey.totals.pairs,
    images: survey.imageFiles.size,
    replacedTexts,
    files: sink.files(),
  };
  const content = ExportLineage.parse({ ...lineage, export: made });
  await sink.write("lineage.json", `${JSON.stringify(content, null, 2)}\n`);
  return made;
}
