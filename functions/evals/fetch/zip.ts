/**
 * Reads zip archives of any size (zip64) from disk, an entry at a time; nothing but Node is needed. Layout: APPNOTE.TXT of
 * PKWARE, §4.3. Names are only ever compared: where an entry goes, the caller says.
 */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { PassThrough, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32, createInflateRaw } from "node:zlib";
import { EvaluationError } from "../problems.ts";

export type ZipEntry = { name: string; bytes: number };

export type Zip = AsyncDisposable & {
  /** Its files, in the order of the archive. */
  entries: readonly ZipEntry[];
  /** Unpacks one entry to this path and checks its length and CRC. @throws EvaluationError for a damaged one */
  extract(entry: ZipEntry, path: string): Promise<{ sha256: string }>;
};

type Packed = ZipEntry & { packed: number; crc: number; method: number; flags: number; headerAt: number };

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const IN_64 = 0xffffffff;
/** The end record with the longest comment there can be, and zip64's locator before it. */
const TAIL_BYTES = 22 + 65_535 + 20;
const FIX = "fetch the archive anew";

/** @throws EvaluationError for a file that is no whole archive */
export async function openZip(path: string): Promise<Zip> {
  const file = await open(path, "r");
  try {
    const entries = await centralDirectory(file, path);
    return {
      entries,
      extract: (entry, to) => extract(file, entry as Packed, { from: path, to }),
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error instanceof RangeError ? damaged(path, "its directory cannot be read") : error;
  }
}

const damaged = (path: string, what: string) => new EvaluationError(`${path} is no whole zip archive: ${what}`, FIX);

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}

type Directory = { at: number; bytes: number; count: number };

async function centralDirectory(file: FileHandle, path: string): Promise<Packed[]> {
  const { size } = await file.stat();
  const tailAt = Math.max(0, size - TAIL_BYTES);
  const tail = await bytesAt(file, tailAt, size - tailAt);
  const endAt = tail.lastIndexOf(littleEndian(END));
  if (endAt < 0) throw damaged(path, "it has no end record");
  const { at, bytes, count } = await directoryOf(file, tail, endAt);
  if (at + bytes > size) throw damaged(path, "its directory lies beyond its end");
  const directory = await bytesAt(file, at, bytes);
  const entries: Packed[] = [];
  let next = 0;
  for (let n = 0; n < count; n++) {
    if (directory.readUInt32LE(next) !== CENTRAL) throw damaged(path, "its directory cannot be read");
    const { entry, length } = entryAt(directory, next);
    entries.push(entry);
    next += length;
  }
  return entries.filter(({ name }) => !name.endsWith("/"));
}

function littleEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

async function directoryOf(file: FileHandle, tail: Buffer, endAt: number): Promise<Directory> {
  const plain = {
    count: tail.readUInt16LE(endAt + 10),
    bytes: tail.readUInt32LE(endAt + 12),
    at: tail.readUInt32LE(endAt + 16),
  };
  const locatorAt = endAt - 20;
  if (locatorAt < 0 || tail.readUInt32LE(locatorAt) !== LOCATOR_64) return plain;
  const end = await bytesAt(file, Number(tail.readBigUInt64LE(locatorAt + 8)), 56);
  if (end.readUInt32LE(0) !== END_64) return plain;
  const wide = (at: number) => Number(end.readBigUInt64LE(at));
  return { count: wide(32), bytes: wide(40), at: wide(48) };
}

function entryAt(directory: Buffer, at: number): { entry: Packed; length: number } {
  const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field)) as [
    number,
    number,
    number,
  ];
  const name = directory.toString("utf8", at + 46, at + 46 + nameBytes);
  const extra = directory.subarray(at + 46 + nameBytes, at + 46 + nameBytes + extraBytes);
  const [bytes, packed, headerAt] = widened(
    [24, 20, 42].map((field) => directory.readUInt32LE(at + field)),
    extra,
  ) as [number, number, number];
  const entry = {
    ...{ name, bytes, packed, headerAt },
    flags: directory.readUInt16LE(at + 8),
    method: directory.readUInt16LE(at + 10),
    crc: directory.readUInt32LE(at + 16),
  };
  return { entry, length: 46 + nameBytes + extraBytes + commentBytes };
}

/** Numbers that do not fit into 32 bits stand in the extra field 1, in this order, those that fit left out. */
function widened(numbers: readonly number[], extra: Buffer): number[] {
  const wide = extraField(extra, 1);
  let at = 0;
  return numbers.map((number) => {
    if (number !== IN_64 || wide === undefined) return number;
    at += 8;
    return Number(wide.readBigUInt64LE(at - 8));
  });
}

function extraField(extra: Buffer, id: number): Buffer | undefined {
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === id) return extra.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
  return undefined;
}

async function extract(
  file: FileHandle,
  entry: Packed,
  { from, to }: { from: string; to: string },
): Promise<{ sha256: string }> {
  const { name, bytes, packed, crc, method } = entry;
  const start = await dataStart(file, entry, from);
  const measured = measure(bytes);
  // an empty entry: `end` below `start` would read one byte
  const packedBytes = packed === 0 ? [] : file.createReadStream({ start, end: start + packed - 1, autoClose: false });
  const unpacked = method === 0 ? new PassThrough() : createInflateRaw();
  try {
    await pipeline(packedBytes, unpacked, measured.through, createWriteStream(to));
  } catch (error) {
    throw damaged(from, `${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const ended = measured.ended();
  if (ended.bytes !== bytes || ended.crc !== crc) throw damaged(from, `${name} is damaged`);
  return { sha256: ended.sha256 };
}

async function dataStart(file: FileHandle, { name, method, flags, headerAt }: Packed, from: string): Promise<number> {
  if ((flags & 1) !== 0 || (method !== 0 && method !== 8)) {
    throw new EvaluationError(`${from}: ${name} is encrypted, or packed in a way that is not known here`, FIX);
  }
  const local = await bytesAt(file, headerAt, 30);
  if (local.length < 30 || local.readUInt32LE(0) !== LOCAL) throw damaged(from, `${name} is not where it should be`);
  return headerAt + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
}

/** Counts what flows through, and stops what grows beyond what was announced. */
function measure(most: number) {
  const hash = createHash("sha256");
  let [bytes, crc] = [0, 0];
  const through = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      crc = crc32(chunk, crc);
      hash.update(chunk);
      done(bytes > most ? new Error(`more than the announced ${most} bytes`) : null, chunk);
    },
  });
  return { through, ended: () => ({ bytes, crc, sha256: hash.digest("hex") }) };
}
