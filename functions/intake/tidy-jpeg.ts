/** JPEG (ITU T.81 annex B): segments, scans between them, and after the end marker whatever a writer appended. */
import { ascii, Pieces, type Tidied } from "./tidied.ts";

const [SOI_BYTES, SOS, EOI, COM] = [2, 0xda, 0xd9, 0xfe];
const [APP0, APP1, APP2, APP13, APP14, APP15] = [0xe0, 0xe1, 0xe2, 0xed, 0xee, 0xef];
/** Every scan of a progressive JPEG passes over the whole picture. Our choice: encoders write about ten. */
const MAX_SCANS = 64;
const JFIF_BYTES = 18; // marker, length and the 14 fixed bytes; a thumbnail follows

/** Application segments that belong to the picture: size and colours. */
const NEEDED: Record<number, string> = { [APP0]: "JFIF\0", [APP2]: "ICC_PROFILE\0", [APP14]: "Adobe" };
/** How the others begin, and what they are called. */
const NAMES: readonly (readonly [marker: number, begins: string, name: string])[] = [
  [APP1, "Exif\0", "exif"],
  [APP1, "http://ns.", "xmp"],
  [APP1, "XMP", "xmp"], // as some shops of stock photographs rename it
  [APP13, "", "iptc"],
];

/** What a segment is to us: undefined if the picture needs it, else the name of what is dropped. */
function metadataName(marker: number, payload: Uint8Array): string | undefined {
  if (marker === COM) return "comment";
  if (marker < APP0 || marker > APP15) return undefined;
  const head = ascii(payload, 0, 12);
  const needed = NEEDED[marker];
  if (needed !== undefined && head.startsWith(needed)) return undefined;
  return NAMES.find(([of, begins]) => of === marker && head.startsWith(begins))?.[2] ?? "other metadata";
}

/** Where the coded data from `from` on ends: the next marker that is no restart, or undefined when the file ends first. */
function endOfScan(bytes: Buffer, from: number): number | undefined {
  for (let at = bytes.indexOf(0xff, from); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1];
    if (next === undefined) return undefined;
    if (next !== 0 && next !== 0xff && !isRestart(next)) return at;
  }
  return undefined;
}

function isRestart(marker: number): boolean {
  return marker >= 0xd0 && marker <= 0xd7;
}

function keepSegment(pieces: Pieces, marker: number, segment: Buffer): void {
  const name = metadataName(marker, segment.subarray(4));
  if (name !== undefined) pieces.drop(name);
  else if (marker === APP0 && segment.length > JFIF_BYTES) keepWithoutThumbnail(pieces, segment);
  else pieces.keep(segment);
}

function keepWithoutThumbnail(pieces: Pieces, segment: Buffer): void {
  const head = Buffer.from(segment.subarray(0, JFIF_BYTES));
  head.writeUInt16BE(JFIF_BYTES - 2, 2);
  head.fill(0, JFIF_BYTES - 2); // a thumbnail of 0 × 0
  pieces.drop("thumbnail");
  pieces.keep(head);
}

/** The segment at `at`, where it ends, and where the next one begins; undefined where none can be read. */
function segmentAt(bytes: Buffer, at: number): { marker: number; end: number; next: number } | undefined {
  const marker = bytes[at + 1];
  if (bytes[at] !== 0xff || marker === undefined) return undefined;
  if (marker === EOI) return { marker, end: at + 2, next: at + 2 };
  if (marker < 0xc0 || marker === 0xff || isRestart(marker) || at + 4 > bytes.length) return undefined;
  const end = at + 2 + Math.max(2, bytes.readUInt16BE(at + 2));
  const next = marker === SOS ? endOfScan(bytes, end) : end;
  return next === undefined || end > bytes.length ? undefined : { marker, end, next };
}

/** @param given begins with the JPEG signature */
export function tidyJpeg(given: Uint8Array): Tidied {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  const pieces = new Pieces();
  pieces.keep(bytes.subarray(0, SOI_BYTES));
  let at = SOI_BYTES;
  for (let scans = 0; scans <= MAX_SCANS; ) {
    const segment = segmentAt(bytes, at);
    if (segment === undefined) return { outcome: "unclear" };
    const { marker, end, next } = segment;
    if (marker === EOI) return ended(bytes, end, pieces);
    if (marker === SOS) scans += 1;
    keepSegment(pieces, marker, bytes.subarray(at, end));
    pieces.keep(bytes.subarray(end, next));
    at = next;
  }
  return { outcome: "broken", reason: `it has more than ${MAX_SCANS} scans` };
}

function ended(bytes: Buffer, end: number, pieces: Pieces): Tidied {
  pieces.keep(bytes.subarray(end - 2, end));
  if (end < bytes.length) pieces.drop("trailing bytes");
  return pieces.result(bytes);
}
