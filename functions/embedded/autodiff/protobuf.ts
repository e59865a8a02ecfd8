/** The few pieces of the protobuf wire format that an ONNX file needs (protobuf.dev/programming-guides/encoding). */

const text = new TextEncoder();

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** Base 128, low bits first; a negative number is written as its 64-bit two's complement. */
export function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

const [VARINT, BYTES, FIXED32] = [0, 2, 5];
const tag = (field: number, wireType: number) => varint((field << 3) | wireType);

export const intField = (field: number, value: number): Uint8Array => concat([tag(field, VARINT), varint(value)]);

export const bytesField = (field: number, bytes: Uint8Array): Uint8Array =>
  concat([tag(field, BYTES), varint(bytes.length), bytes]);

export const textField = (field: number, value: string): Uint8Array => bytesField(field, text.encode(value));

export function floatField(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return concat([tag(field, FIXED32), bytes]);
}

export const message = (field: number, ...fields: readonly Uint8Array[]): Uint8Array =>
  bytesField(field, concat(fields));
