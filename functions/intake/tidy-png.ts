/** PNG (W3C PNG, third edition, §5 and §11): chunks with check sums. */
import { crc32 } from "node:zlib";
import { ascii, Pieces, type Tidied } from "./tidied.ts";

const SIGNATURE_BYTES = 8;
const CHUNK_OVERHEAD = 12; // length, type, check sum

/** The pixels, their size in metres, and how their numbers become colours. */
const NEEDED = new Set([
  "IHDR",
  "PLTE",
  "IDAT",
  "IEND",
  "pHYs",
  "tRNS",
  "bKGD",
  "sBIT",
  "sRGB",
  "gAMA",
  "cHRM",
  "iCCP",
  "cICP",
]);
const NAMES: Record<string, string> = {
  eXIf: "exif",
  tEXt: "text",
  zTXt: "text",
  iTXt: "text",
  tIME: "time",
  acTL: "animation",
  fcTL: "animation",
  fdAT: "animation",
};

/** Critical chunks begin with a capital letter; a decoder that does not know one cannot show the picture. */
function isCritical(type: string): boolean {
  return type.charCodeAt(0) < 0x60;
}

type Chunk = { type: string; end: number; data: Buffer };

/** The chunk at `at`, or why there is none. */
function chunkAt(bytes: Buffer, at: number): Chunk | string {
  if (at + CHUNK_OVERHEAD > bytes.length) return "the file ends before the picture does";
  const end = at + CHUNK_OVERHEAD + bytes.readUInt32BE(at);
  if (end > bytes.length) return "the file ends before the picture does";
  const type = ascii(bytes, at + 4, at + 8);
  const shown = JSON.stringify(type);
  if (crc32(bytes.subarray(at + 4, end - 4)) !== bytes.readUInt32BE(end - 4))
    return `the check sum of its chunk ${shown} is wrong`;
  if (isCritical(type) && !NEEDED.has(type)) return `its chunk ${shown} is not known`;
  return { type, end, data: bytes.subarray(at + 8, end - 4) };
}

/** @param given begins with the PNG signature */
export function tidyPng(given: Uint8Array): Tidied {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  const pieces = new Pieces();
  pieces.keep(bytes.subarray(0, SIGNATURE_BYTES));
  let frames = 1;
  for (let at = SIGNATURE_BYTES; ; ) {
    const chunk = chunkAt(bytes, at);
    if (typeof chunk === "string") return { outcome: "broken", reason: chunk };
    const { type, end, data } = chunk;
    if (type === "acTL" && data.length >= 4) frames = data.readUInt32BE(0);
    if (NEEDED.has(type)) pieces.keep(bytes.subarray(at, end));
    else pieces.drop(NAMES[type] ?? "other metadata");
    if (type === "IEND") return ended(bytes, end, pieces, frames);
    at = end;
  }
}

function ended(bytes: Buffer, end: number, pieces: Pieces, frames: number): Tidied {
  if (end < bytes.length) pieces.drop("trailing bytes");
  return pieces.result(bytes, frames);
}
