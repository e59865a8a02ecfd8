import type { Weights } from "./weights.ts";

/** huggingface.co/docs/safetensors: 8 bytes header length, JSON header, then the arrays one after the other. */

export type Storage = "F32" | "F16";
type Header = Record<string, { dtype: Storage; shape: number[]; data_offsets: [number, number] }>;

const BYTES: Record<Storage, number> = { F32: 4, F16: 2 };

function encodeArray(data: Float32Array, storage: Storage): Uint8Array {
  const array = storage === "F16" ? Float16Array.from(data) : data;
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function decodeArray(bytes: Uint8Array, storage: Storage): Float32Array {
  const { buffer } = new Uint8Array(bytes); // a copy, because arrays must start at a multiple of their element's size
  return storage === "F16" ? Float32Array.from(new Float16Array(buffer)) : new Float32Array(buffer);
}

/** The weights as a safetensors file; F16 rounds each number to half precision. `metadata` are free texts in the header. */
export function writeSafetensors(weights: Weights, storage: Storage, metadata?: Record<string, string>): Uint8Array {
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  let end = 0;
  const arrays = Object.entries(weights).map(([name, { shape, data }]) => {
    const start = end;
    end += data.length * BYTES[storage];
    header[name] = { dtype: storage, shape, data_offsets: [start, end] };
    return encodeArray(data, storage);
  });
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = json.length + ((8 - (json.length % 8)) % 8);
  const file = new Uint8Array(8 + padded + end).fill(0x20, 8, 8 + padded); // the format pads its header with spaces
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.set(json, 8);
  let offset = 8 + padded;
  for (const array of arrays) {
    file.set(array, offset);
    offset += array.length;
  }
  return file;
}

/** Reads a safetensors file of F32 and F16 arrays; anything else in it is an error that names the array. */
export function readSafetensors(file: Uint8Array): { weights: Weights; metadata: Record<string, string> } {
  if (file.length < 8) throw new Error(`safetensors: the file has ${file.length} bytes, not even a header length`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  if (start > file.length)
    throw new Error(`safetensors: the header should end at byte ${start}, the file ends at ${file.length}`);
  const json = JSON.parse(new TextDecoder().decode(file.subarray(8, start))) as Header & {
    __metadata__?: Record<string, string>;
  };
  const { __metadata__: metadata = {}, ...arrays } = json;
  const weights: Weights = {};
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [from, to],
    },
  ] of Object.entries(arrays as Header)) {
    if (!(dtype in BYTES)) throw new Error(`safetensors: "${name}" is ${dtype}; only F32 and F16 are read`);
    const length = shape.reduce((product, size) => product * size, 1);
    if (to - from !== length * BYTES[dtype] || start + to > file.length) {
      throw new Error(`safetensors: "${name}" should have ${length} numbers of ${dtype} at ${from}..${to}`);
    }
    weights[name] = { shape, data: decodeArray(file.subarray(start + from, start + to), dtype) };
  }
  return { weights, metadata };
}
