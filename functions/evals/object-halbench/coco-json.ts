/** Reads the record lists of a COCO annotation file piece by piece: one JSON object whose long fields are lists of objects. */
import { open } from "node:fs/promises";
import {
  INCOMPLETE,
  JsonFault,
  SENTINEL_BYTES,
  scanObject,
  type shapeOf,
  skipSpace,
  skipString,
  skipValue,
} from "../../rlaifv-files/json-scan.ts";
import { EvaluationError } from "../problems.ts";

/** A list to read: its records' wanted fields, and what to do with each; `record` counts from 1. */
export type CocoList = {
  shape: ReturnType<typeof shapeOf>;
  slotCount: number;
  onRecord: (bytes: Buffer, slots: Int32Array, record: number) => void;
};

const CHUNK_BYTES = 1 << 22; // our choice, as in functions/rlaifv-files/records.ts
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const QUOTE = 0x22;

/**
 * Calls each list's `onRecord` for its records in order and returns the names of the lists that were there.
 * @throws EvaluationError naming file and byte where the file is no such JSON, or ends early
 */
export async function readCocoLists(path: string, lists: Readonly<Record<string, CocoList>>): Promise<Set<string>> {
  const file = await open(path, "r");
  try {
    const reader = new CocoReader(path, lists);
    for (;;) {
      const { bytesRead } = await file.read(reader.room());
      if (bytesRead === 0) return reader.finish();
      reader.add(bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Where the next byte that is no space stands. */
type Place = "start" | "first field" | "next field" | "first record" | "next record" | "end";

class CocoReader {
  readonly #path: string;
  readonly #lists: Readonly<Record<string, CocoList>>;
  readonly #seen = new Set<string>();
  #bytes = Buffer.alloc(CHUNK_BYTES + SENTINEL_BYTES);
  #view = this.#bytes.subarray(0, SENTINEL_BYTES);
  #end = 0;
  /** Bytes of the file that lie before the buffer. */
  #before = 0;
  #place: Place = "start";
  #list: { name: string; wanted: CocoList | undefined; slots: Int32Array; records: number } | undefined;

  constructor(path: string, lists: Readonly<Record<string, CocoList>>) {
    this.#path = path;
    this.#lists = lists;
  }

  /** Free space for the next bytes; a record larger than the buffer makes it grow. */
  room(): { buffer: Buffer; offset: number; length: number } {
    if (this.#end + SENTINEL_BYTES >= this.#bytes.length) {
      const larger = Buffer.alloc(2 * this.#bytes.length);
      this.#bytes.copy(larger, 0, 0, this.#end);
      this.#bytes = larger;
    }
    return { buffer: this.#bytes, offset: this.#end, length: this.#bytes.length - SENTINEL_BYTES - this.#end };
  }

  add(bytesRead: number): void {
    this.#end += bytesRead;
    this.#close();
    const used = this.#take();
    this.#bytes.copyWithin(0, used, this.#end);
    this.#end -= used;
    this.#before += used;
  }

  finish(): Set<string> {
    if (this.#place !== "end") throw this.#broken(this.#end, "the file ends early: it is cut off");
    return this.#seen;
  }

  #close(): void {
    this.#bytes.fill(0, this.#end, this.#end + SENTINEL_BYTES);
    this.#view = this.#bytes.subarray(0, this.#end + SENTINEL_BYTES);
  }

  /** Goes from step to step as far as the bytes reach; returns how many were used. */
  #take(): number {
    let here = 0;
    try {
      for (;;) {
        const start = skipSpace(this.#view, here);
        if (start >= this.#end) return this.#end;
        here = this.#step(start);
      }
    } catch (error) {
      if (error === INCOMPLETE) {
        const zero = this.#bytes.subarray(here, this.#end).indexOf(0);
        if (zero >= 0) throw this.#broken(here + zero, "a zero byte");
        return here;
      }
      if (error instanceof JsonFault) throw this.#broken(error.at, error.message);
      throw error;
    }
  }

  #step(at: number): number {
    switch (this.#place) {
      case "start":
        return this.#start(at);
      case "first field":
      case "next field":
        return this.#field(at);
      case "first record":
      case "next record":
        return this.#record(at);
      case "end":
        throw new JsonFault(at, "something stands behind the end of the object");
    }
  }

  #start(at: number): number {
    if (this.#bytes[at] !== OPEN_OBJECT) throw new JsonFault(at, "a COCO annotation file begins with {");
    this.#place = "first field";
    return at + 1;
  }

  #field(at: number): number {
    if (this.#bytes[at] === CLOSE_OBJECT) {
      this.#place = "end";
      return at + 1;
    }
    const nameAt = this.#place === "next field" ? this.#afterComma(at) : at;
    if (this.#view[nameAt] !== QUOTE) throw this.#expected(nameAt, 'a field name in "quotes"');
    const nameEnd = skipString(this.#view, nameAt);
    const colon = skipSpace(this.#view, nameEnd);
    if (this.#view[colon] !== COLON) throw this.#expected(colon, ": after a field name");
    const valueAt = skipSpace(this.#view, colon + 1);
    if (this.#view[valueAt] !== OPEN_LIST) {
      const end = skipValue(this.#view, valueAt);
      this.#place = "next field";
      return end;
    }
    this.#openList(this.#bytes.toString("utf8", nameAt + 1, nameEnd - 1));
    return valueAt + 1;
  }

  #openList(name: string): void {
    const wanted = Object.hasOwn(this.#lists, name) ? this.#lists[name] : undefined;
    this.#list = { name, wanted, slots: new Int32Array(2 * (wanted?.slotCount ?? 0)), records: 0 };
    this.#seen.add(name);
    this.#place = "first record";
  }

  #record(at: number): number {
    if (this.#bytes[at] === CLOSE_LIST) {
      this.#place = "next field";
      return at + 1;
    }
    const start = this.#place === "next record" ? this.#afterComma(at) : at;
    const end = this.#one(start);
    this.#place = "next record";
    return end;
  }

  #one(start: number): number {
    const list = this.#list!;
    if (list.wanted === undefined) return skipValue(this.#view, start);
    if (this.#view[start] !== OPEN_OBJECT) throw this.#expected(start, `a record in { } in ${list.name}`);
    list.slots.fill(-1);
    const end = scanObject(this.#view, start, list.wanted.shape, list.slots);
    list.records++;
    list.wanted.onRecord(this.#view, list.slots, list.records);
    return end;
  }

  #afterComma(at: number): number {
    if (this.#bytes[at] !== COMMA) throw this.#expected(at, "a comma");
    return skipSpace(this.#view, at + 1);
  }

  #expected(at: number, what: string): unknown {
    if (at >= this.#end) return INCOMPLETE;
    return new JsonFault(
      at,
      `expected ${what}, found ${JSON.stringify(this.#bytes.toString("utf8", at, Math.min(at + 12, this.#end)))}`,
    );
  }

  #broken(at: number, reason: string): EvaluationError {
    return new EvaluationError(
      `${this.#path} is damaged at byte ${this.#before + at}: ${reason}`,
      "unpack annotations_trainval2014.zip again, or download it anew from https://cocodataset.org/#download",
    );
  }
}
