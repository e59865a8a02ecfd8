/**
 * What COCO 2014 knows of each image, in one compact file that is made once from the annotation files (about 1 GB) and
 * then read for the asked images only.
 *
 * Layout: a line of JSON (`Header`), the image ids (int32, ascending), the end of each image's record (uint32, from the
 * first record), and the records: JSON of `{categories: [ids], captions: [texts]}`. Little-endian.
 */
import { access, type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { endianness } from "node:os";
import { basename, join, resolve } from "node:path";
import { z } from "zod";
import type { Evidence } from "../../../shared/evaluation/object-halbench/fold.ts";
import { contentHash } from "../../../shared/ids.ts";
import { EvaluationError } from "../problems.ts";
import { type CocoContents, type CocoFiles, readCoco } from "./coco-build.ts";

/** Without this tools of another byte order would read nonsense. */
const LITTLE_ENDIAN = endianness() === "LE";

const Header = z.strictObject({
  schema: z.literal("rlaifv-coco-index/1"),
  sources: z.array(z.strictObject({ path: z.string(), bytes: z.number(), modifiedMs: z.number() })),
  images: z.int().min(0),
  recordBytes: z.int().min(0),
  names: z.record(z.string(), z.string()),
});
type Header = z.infer<typeof Header>;
const Entry = z.strictObject({ categories: z.array(z.int()), captions: z.array(z.string()) });

export type CocoIndex = {
  path: string;
  /** Whether the annotation files had to be read now. */
  built: boolean;
  images: number;
  /** What is known of the asked images; those that COCO does not have are left out. */
  evidence(imageIds: Iterable<number>): Promise<Map<number, Evidence>>;
};

/** The four files of COCO 2014 in an annotations folder. @throws EvaluationError naming those that are missing */
export async function findCocoFiles(folder: string): Promise<CocoFiles> {
  const name = (kind: string, split: string) => join(folder, `${kind}_${split}2014.json`);
  const files = {
    instances: ["train", "val"].map((split) => name("instances", split)),
    captions: ["train", "val"].map((split) => name("captions", split)),
  };
  const missing: string[] = [];
  for (const path of [...files.instances, ...files.captions])
    await access(path).catch(() => missing.push(basename(path)));
  if (missing.length === 0) return files;
  throw new EvaluationError(
    `${folder} has no ${missing.join(", ")}`,
    "unpack annotations_trainval2014.zip from https://cocodataset.org/#download and give its annotations folder",
  );
}

/** Opens the index of these files in the cache folder; makes it where it is not there, damaged, or of other files. */
export async function openCocoIndex(files: CocoFiles, cacheFolder: string): Promise<CocoIndex> {
  if (!LITTLE_ENDIAN) throw new EvaluationError("the COCO index needs a little-endian machine", "use another machine");
  const sources = await Promise.all([...files.instances, ...files.captions].map(sourceOf));
  const path = join(cacheFolder, `coco-${contentHash(sources)}.index`);
  const known = await openTables(path);
  if (known !== undefined) return indexOf(path, false, known);
  await mkdir(cacheFolder, { recursive: true });
  await writeIndex(path, await readCoco(files), sources);
  const written = await openTables(path);
  if (written === undefined) throw new EvaluationError(`${path} cannot be read back`, "check the disk");
  return indexOf(path, true, written);
}

async function sourceOf(path: string): Promise<Header["sources"][number]> {
  const { size, mtimeMs } = await stat(path).catch(() => {
    throw new EvaluationError(`cannot read ${path}: there is no such file`, "give the COCO 2014 annotation files");
  });
  return { path: resolve(path), bytes: size, modifiedMs: mtimeMs };
}

const WRITE_BYTES = 1 << 22;

/** Whole or not at all: under another name first. */
async function writeIndex(path: string, contents: CocoContents, sources: Header["sources"]): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  const ends = new Uint32Array(contents.ids.length);
  const pieces: Buffer[] = [];
  let recordBytes = 0;
  for (let place = 0; place < ends.length; place++) {
    const captions = contents.captionsOf(place).join(",");
    const piece = Buffer.from(`{"categories":[${contents.categoriesOf(place)}],"captions":[${captions}]}`);
    pieces.push(piece);
    recordBytes += piece.length;
    ends[place] = recordBytes;
  }
  const names = Object.fromEntries([...contents.names].map(([id, name]) => [String(id), name]));
  const header: Header = { schema: "rlaifv-coco-index/1", sources, images: ends.length, recordBytes, names };
  const file = await open(partial, "w");
  try {
    await file.write(`${JSON.stringify(header)}\n`);
    for (const table of [contents.ids, ends])
      await file.writeFile(new Uint8Array(table.buffer, table.byteOffset, table.byteLength));
    for (const block of blocks(pieces)) await file.writeFile(block);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await rename(partial, path);
}

function* blocks(pieces: readonly Buffer[]): Generator<Buffer> {
  let block: Buffer[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    block.push(piece);
    bytes += piece.length;
    if (bytes < WRITE_BYTES) continue;
    yield Buffer.concat(block);
    block = [];
    bytes = 0;
  }
  yield Buffer.concat(block);
}

type Tables = { header: Header; ids: Int32Array; ends: Uint32Array; recordsAt: number };

/** Longer than any header: 90 category names and four paths. */
const HEADER_BYTES = 1 << 16;

/** Undefined where the file is not there or not whole. */
async function openTables(path: string): Promise<Tables | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const start = await bytesAt(file, 0, HEADER_BYTES);
    const line = start.subarray(0, start.indexOf(0x0a));
    const header = headerIn(line.toString("utf8"));
    if (header === undefined) return undefined;
    const tablesAt = line.length + 1;
    const recordsAt = tablesAt + 8 * header.images;
    if ((await file.stat()).size !== recordsAt + header.recordBytes) return undefined;
    const tables = new Uint8Array(await bytesAt(file, tablesAt, 8 * header.images)).buffer;
    const ids = new Int32Array(tables, 0, header.images);
    return { header, ids, ends: new Uint32Array(tables, 4 * header.images), recordsAt };
  } finally {
    await file.close();
  }
}

function headerIn(line: string): Header | undefined {
  try {
    return Header.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined; // cut off
  }
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

function indexOf(path: string, built: boolean, { header, ids, ends, recordsAt }: Tables): CocoIndex {
  const entryAt = async (file: FileHandle, place: number): Promise<Evidence> => {
    const start = place === 0 ? 0 : ends[place - 1]!;
    const bytes = await bytesAt(file, recordsAt + start, ends[place]! - start);
    const { categories, captions } = Entry.parse(JSON.parse(bytes.toString("utf8")));
    return { categories: categories.map((id) => header.names[id] ?? `category ${id}`), captions };
  };
  return {
    path,
    built,
    images: header.images,
    async evidence(imageIds) {
      const file = await open(path, "r");
      try {
        const found = new Map<number, Evidence>();
        for (const id of imageIds) {
          const place = placeOf(ids, id);
          if (place !== undefined) found.set(id, await entryAt(file, place));
        }
        return found;
      } finally {
        await file.close();
      }
    },
  };
}

function placeOf(ids: Int32Array, id: number): number | undefined {
  let [low, high] = [0, ids.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (ids[middle] === id) return middle;
    if (ids[middle]! < id) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}
