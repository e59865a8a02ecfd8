/** Writes rows into parquet files of the Hugging Face layout; never holds more than one row group. */
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import type { Pair } from "../../shared/schemas/pair.ts";
import { type Columns, holdsImages, huggingFaceMetadata, parquetSchema } from "./parquet-schema.ts";
import { type ExportContext, ExportError, readImage } from "./survey.ts";

/** A row by column name. */
export type Row = Record<string, unknown>;
/** One format of parquet export: its columns, and a pair as a row; `image` holds the original bytes. */
export type Table = { columns: Columns; row: (pair: Pair, image: Uint8Array) => Row };

/** Rows per row group. Measured 2026-11 with image columns: 100 keeps readers' memory and seeks small. */
const GROUP_ROWS = 100;
/** A row group is also closed at this many image bytes, so that large images do not fill the memory. */
const GROUP_IMAGE_BYTES = 32 * 1024 * 1024; // our choice

/** Takes what was written so far and empties the buffer; `offset` keeps counting the file's bytes. */
function drain(writer: ByteWriter): Uint8Array {
  const bytes = writer.getBytes().slice();
  writer.index = 0;
  return bytes;
}

function writeGroup(parquet: ParquetWriter, columns: Columns, rows: readonly Row[]): void | Promise<void> {
  const columnData = Object.entries(columns).map(([name, feature]) => ({
    name,
    data: rows.map((row) => row[name]),
    statistics: !holdsImages(feature),
  }));
  return parquet.write({ columnData, rowGroupSize: rows.length });
}

/** The bytes of one parquet file holding the groups' rows. */
async function* fileBytes(groups: AsyncIterable<readonly Row[]>, columns: Columns): AsyncGenerator<Uint8Array> {
  const writer = new ByteWriter();
  const kvMetadata = [{ key: "huggingface", value: huggingFaceMetadata(columns) }];
  const parquet = new ParquetWriter({ writer, schema: parquetSchema(columns), kvMetadata, createdBy: "rlaifv" });
  for await (const rows of groups) {
    await writeGroup(parquet, columns, rows);
    yield drain(writer);
  }
  await parquet.finish();
  yield drain(writer);
}

/** Reads a pair's image; pairs of one sample stand together, so the last one read is kept for the next pair. */
function imageReader({ blobs }: ExportContext): (pair: Pair) => Promise<Uint8Array> {
  let last: { sha256: string; image: Uint8Array } | undefined;
  return async ({ pairId, image }) => {
    if (last?.sha256 === image.sha256) return last.image;
    last = { sha256: image.sha256, image: await readImage(blobs, image, `pair ${pairId}`) };
    return last.image;
  };
}

const PAIRS_CHANGED = "the pairs changed while they were exported; export again once the round is finished";

/** The next `count` pairs as rows, grouped. */
async function* nextGroups(
  pairs: AsyncIterator<Pair>,
  count: number,
  table: Table,
  imageOf: (pair: Pair) => Promise<Uint8Array>,
): AsyncGenerator<Row[]> {
  let rows: Row[] = [];
  let bytes = 0;
  for (let taken = 0; taken < count; taken += 1) {
    const { value: pair, done } = await pairs.next();
    if (done) throw new ExportError(PAIRS_CHANGED);
    const image = await imageOf(pair);
    rows.push(table.row(pair, image));
    bytes += image.length;
    if (rows.length < GROUP_ROWS && bytes < GROUP_IMAGE_BYTES) continue;
    yield rows;
    rows = [];
    bytes = 0;
  }
  if (rows.length > 0) yield rows;
}

/** Writes `data/train-00000-of-0000N.parquet` and on; an empty dataset is one file without rows. */
export async function writeParquetFiles(context: ExportContext, table: Table): Promise<void> {
  const { rowsPerFile } = context.survey;
  const pairs = context.pairs()[Symbol.asyncIterator]();
  const imageOf = imageReader(context);
  const numbered = (index: number) => String(index).padStart(5, "0");
  for (const [index, count] of rowsPerFile.entries()) {
    const path = `data/train-${numbered(index)}-of-${numbered(rowsPerFile.length)}.parquet`;
    await context.sink.write(path, fileBytes(nextGroups(pairs, count, table, imageOf), table.columns));
  }
  if (!(await pairs.next()).done) throw new ExportError(PAIRS_CHANGED);
}
