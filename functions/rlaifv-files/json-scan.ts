/**
 * Finds chosen fields of JSON objects in raw bytes without building values: RLAIF-V repeats every answer in each of its
 * label rows, so nearly all bytes of such a file are skipped. The scanned buffer ends with zero bytes.
 */

/** The bytes end within the value: read more and try again. */
export const INCOMPLETE = Symbol("incomplete");

/** Not JSON at this byte. */
export class JsonFault extends Error {
  readonly at: number;
  constructor(at: number, found: string) {
    super(found);
    this.at = at;
  }
}

/** Zero bytes that must end the scanned buffer, so that no loop needs a bound of its own. */
export const SENTINEL_BYTES = 8;

type Field = { name: Uint8Array; slot: number; inner: Shape | undefined };
/** The wanted fields of an object by the length of their names. */
type Shape = Field[][];

/** Dotted paths to find, e.g. `["question_id", "scores.yes"]`; the position of a path is its slot. */
export function shapeOf(paths: readonly string[]): Shape {
  const root: Shape = [];
  for (const [slot, path] of paths.entries()) {
    const steps = path.split(".");
    let shape = root;
    for (const [depth, step] of steps.entries()) {
      const field = fieldIn(shape, step);
      if (depth === steps.length - 1) field.slot = slot;
      else {
        field.inner ??= [];
        shape = field.inner;
      }
    }
  }
  return root;
}

function fieldIn(shape: Shape, step: string): Field {
  const name = new TextEncoder().encode(step);
  shape[name.length] ??= [];
  const fields = shape[name.length]!;
  const known = fields.find((field) => isName(field.name, name, 0));
  if (known !== undefined) return known;
  const field = { name, slot: -1, inner: undefined };
  fields.push(field);
  return field;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

/**
 * Scans the object that opens at `at` and returns the place after it. `slots` gets start and end of each wanted value
 * (at 2·slot and 2·slot + 1); slots of fields that are not there keep what they held. Throws `INCOMPLETE` or `JsonFault`.
 */
export function scanObject(bytes: Buffer, at: number, shape: Shape, slots: Int32Array): number {
  let here = skipSpace(bytes, at + 1);
  if (bytes[here] === CLOSE_OBJECT) return here + 1;
  for (;;) {
    if (bytes[here] !== QUOTE) fault(bytes, here, 'expected a field name in "quotes"');
    const nameEnd = skipString(bytes, here);
    const field = wanted(bytes, here + 1, nameEnd - 1, shape);
    here = skipSpace(bytes, nameEnd);
    if (bytes[here] !== COLON) fault(bytes, here, "expected : after a field name");
    here = scanValue(bytes, skipSpace(bytes, here + 1), field, slots);
    here = skipSpace(bytes, here);
    if (bytes[here] === CLOSE_OBJECT) return here + 1;
    if (bytes[here] !== COMMA) fault(bytes, here, "expected , or } after a value");
    here = skipSpace(bytes, here + 1);
  }
}

function scanValue(bytes: Buffer, at: number, field: Field | undefined, slots: Int32Array): number {
  if (field === undefined) return skipValue(bytes, at);
  const isObject = field.inner !== undefined && bytes[at] === OPEN_OBJECT;
  const end = isObject ? scanObject(bytes, at, field.inner!, slots) : skipValue(bytes, at);
  if (field.slot >= 0) {
    slots[2 * field.slot] = at;
    slots[2 * field.slot + 1] = end;
  }
  return end;
}

function wanted(bytes: Buffer, start: number, end: number, shape: Shape): Field | undefined {
  const fields = shape[end - start];
  if (fields === undefined) return undefined;
  for (const field of fields) {
    if (isName(field.name, bytes, start)) return field;
  }
  return undefined;
}

function isName(name: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let at = 0; at < name.length; at++) {
    if (bytes[start + at] !== name[at]) return false;
  }
  return true;
}

export function skipSpace(bytes: Buffer, at: number): number {
  let here = at;
  while (isSpace(bytes[here]!)) here++;
  return here;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Up to this length a loop is faster than the call of a native search (measured 2026-11). */
const SHORT_TEXT = 40;

/** From the opening quote to the place after the closing one. */
export function skipString(bytes: Buffer, at: number): number {
  const longFrom = at + SHORT_TEXT;
  let here = at + 1;
  while (here < longFrom) {
    const byte = bytes[here]!;
    if (byte === QUOTE) return here + 1;
    if (byte === BACKSLASH) here += 2;
    else if (byte < 0x20) fault(bytes, here, "a text is not closed in its line");
    else here++;
  }
  return skipLongString(bytes, here);
}

/** Jumps from quote to quote; one after an odd number of backslashes belongs to the text. */
function skipLongString(bytes: Buffer, from: number): number {
  for (let quote = bytes.indexOf(QUOTE, from); quote >= 0; quote = bytes.indexOf(QUOTE, quote + 1)) {
    let start = quote;
    while (start > from && bytes[start - 1] === BACKSLASH) start--;
    if ((quote - start) % 2 === 0) return quote + 1;
  }
  throw INCOMPLETE;
}

/** From a value's first byte to the place after it. */
export function skipValue(bytes: Buffer, at: number): number {
  const byte = bytes[at]!;
  if (byte === QUOTE) return skipString(bytes, at);
  if (byte === OPEN_OBJECT || byte === OPEN_LIST) return skipNested(bytes, at);
  let here = at;
  while (isScalarByte(bytes[here]!)) here++;
  if (bytes[here] === 0) throw INCOMPLETE;
  if (here === at) fault(bytes, at, "expected a value");
  return here;
}

/** Letters, digits, signs and the point: numbers, true, false, null, and Python's NaN and Infinity. */
function isScalarByte(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x2b && byte <= 0x2e && byte !== COMMA)
  );
}

function skipNested(bytes: Buffer, at: number): number {
  let depth = 0;
  let here = at;
  do {
    const byte = bytes[here]!;
    if (byte === 0) throw INCOMPLETE;
    depth += depthChange(byte);
    here = byte === QUOTE ? skipString(bytes, here) : here + 1;
  } while (depth > 0);
  return here;
}

function depthChange(byte: number): number {
  if (byte === OPEN_OBJECT || byte === OPEN_LIST) return 1;
  return byte === CLOSE_OBJECT || byte === CLOSE_LIST ? -1 : 0;
}

function fault(bytes: Buffer, at: number, expected: string): never {
  if (bytes[at] === 0 || bytes[at] === undefined) throw INCOMPLETE;
  const found = new TextDecoder().decode(bytes.subarray(at, at + 12)).replaceAll("\0", "");
  throw new JsonFault(at, `${expected}, found ${JSON.stringify(found)}`);
}
