/** WebP (RFC 9649): chunks within RIFF. */
import { ascii, Pieces, type Tidied } from "./tidied.ts";

const HEAD_BYTES = 12; // "RIFF", size, "WEBP"
const NEEDED = new Set(["VP8 ", "VP8L", "VP8X", "ALPH", "ICCP", "ANIM", "ANMF"]);
const NAMES: Record<string, string> = { EXIF: "exif", "XMP ": "xmp" };
const METADATA_FLAGS = 0x08 | 0x04; // of VP8X: EXIF, XMP
const ANIMATION_FLAG = 0x02;

type Chunk = { type: string; bytes: Buffer };

/** The chunks up to `end`, or undefined where they do not fill it. */
function chunksOf(bytes: Buffer, end: number): Chunk[] | undefined {
  const chunks: Chunk[] = [];
  let at = HEAD_BYTES;
  while (at + 8 <= end) {
    const size = bytes.readUInt32LE(at + 4);
    const next = at + 8 + size + (size % 2);
    if (next > bytes.length) return undefined;
    chunks.push({ type: ascii(bytes, at, at + 4), bytes: bytes.subarray(at, next) });
    at = next;
  }
  return at === end ? chunks : undefined;
}

/** @param given begins with the WebP signature */
export function tidyWebp(given: Uint8Array): Tidied {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  const end = 8 + bytes.readUInt32LE(4);
  if (end > bytes.length) return { outcome: "broken", reason: "the file ends before the picture does" };
  const chunks = chunksOf(bytes, end);
  if (chunks === undefined) return { outcome: "unclear" };
  const kept = chunks.filter(({ type }) => NEEDED.has(type)).map((chunk) => chunk.bytes);
  const frames = chunks.filter(({ type }) => type === "ANMF").length;
  if (frames <= 1 && animates(kept)) return { outcome: "unclear" }; // a still picture in the dress of an animation
  const pieces = new Pieces();
  for (const { type } of chunks) if (!NEEDED.has(type)) pieces.drop(NAMES[type] ?? "other metadata");
  if (end < bytes.length) pieces.drop("trailing bytes");
  for (const piece of [head(kept), ...kept.map(withoutMetadataFlags)]) pieces.keep(piece);
  return pieces.result(bytes, Math.max(1, frames));
}

function head(chunks: readonly Buffer[]): Buffer {
  const bytes = Buffer.from("RIFF\0\0\0\0WEBP", "latin1");
  bytes.writeUInt32LE(
    chunks.reduce((sum, chunk) => sum + chunk.length, 4),
    4,
  );
  return bytes;
}

function isExtendedHeader(chunk: Buffer): boolean {
  return ascii(chunk, 0, 4) === "VP8X" && chunk.length > 8;
}

function animates(chunks: readonly Buffer[]): boolean {
  return chunks.some((chunk) => isExtendedHeader(chunk) && (chunk[8]! & ANIMATION_FLAG) !== 0);
}

function withoutMetadataFlags(chunk: Buffer): Buffer {
  if (!isExtendedHeader(chunk)) return chunk;
  const changed = Buffer.from(chunk);
  changed[8]! &= ~METADATA_FLAGS;
  return changed;
}
