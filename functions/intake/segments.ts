/**
 * Cuts a byte stream into JSON texts without holding the file: one per line, or one per element of a JSON array.
 * All bytes that matter (newline, quote, brackets, comma) are ASCII and never occur inside a UTF-8 sequence.
 */

/** One piece of the file that should be one JSON value; `tooLong` pieces were skipped, not held. */
export type Segment = { line: number } & (
  | { kind: "text"; bytes: Uint8Array }
  | { kind: "too_long"; length: number }
  | { kind: "unclosed" }
);

const NEWLINE = 0x0a;
const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const OPENING = new Set([0x5b, 0x7b]); // [ {
const CLOSING = new Set([0x5d, 0x7d]); // ] }

/** Longest JSON text of one row: an image of the largest allowed size as base64, and as much again for the rest. */
export const MAX_ROW_BYTES = 64 * 1024 * 1024; // our choice

/** Collects the bytes of the current segment across chunks and stops holding them past the limit. */
class Collector {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (this.#length > this.#maxBytes) this.#parts = [];
    else if (bytes.length > 0) this.#parts.push(bytes);
  }

  take(line: number): Segment {
    const segment: Segment =
      this.#length > this.#maxBytes
        ? { kind: "too_long", line, length: this.#length }
        : { kind: "text", line, bytes: Buffer.concat(this.#parts) };
    this.#parts = [];
    this.#length = 0;
    return segment;
  }
}

/** True for bytes that hold nothing but JSON white space. */
export function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d);
}

/** The lines of a JSONL file; blank lines count but are not yielded. */
export async function* lineSegments(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes = MAX_ROW_BYTES,
): AsyncGenerator<Segment> {
  const collector = new Collector(maxBytes);
  let line = 1;
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      collector.add(chunk.subarray(from, at));
      yield collector.take(line++);
      from = at + 1;
    }
    collector.add(chunk.subarray(from));
  }
  yield collector.take(line);
}

/** Where the scan of a JSON array stands: nesting depth, and whether it is inside a string or behind a backslash. */
type Scan = { depth: number; inString: boolean; escaped: boolean };

/** Moves the scan over one byte inside a string. */
function passString(scan: Scan, byte: number): void {
  if (scan.escaped) scan.escaped = false;
  else if (byte === BACKSLASH) scan.escaped = true;
  else if (byte === QUOTE) scan.inString = false;
}

/** Moves the scan over one byte and tells whether it cuts: the outer array's brackets and its commas do. */
function cuts(scan: Scan, byte: number): boolean {
  if (scan.inString) {
    passString(scan, byte);
    return false;
  }
  if (byte === QUOTE) scan.inString = true;
  if (OPENING.has(byte)) {
    scan.depth += 1;
    return scan.depth === 1;
  }
  if (CLOSING.has(byte)) {
    scan.depth -= 1;
    return scan.depth === 0;
  }
  return byte === COMMA && scan.depth === 1;
}

/** The elements of a JSON array (the array's opening bracket included in the stream), numbered from 1. */
export async function* arraySegments(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes = MAX_ROW_BYTES,
): AsyncGenerator<Segment> {
  const collector = new Collector(maxBytes);
  const scan: Scan = { depth: 0, inString: false, escaped: false };
  let element = 0; // what stands before the opening bracket
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      if (!cuts(scan, chunk[at]!)) continue;
      collector.add(chunk.subarray(from, at));
      const segment = collector.take(element);
      if (element > 0) yield segment;
      if (scan.depth === 0) return;
      element += 1;
      from = at + 1;
    }
    collector.add(chunk.subarray(from));
  }
  yield { kind: "unclosed", line: element };
}
