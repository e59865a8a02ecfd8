/** Reads the records of a file that is JSONL or one JSON array (also on a single line), in constant memory. */
import { open } from "node:fs/promises";
import { INCOMPLETE, JsonFault, SENTINEL_BYTES, scanObject, type shapeOf, skipSpace } from "./json-scan.ts";

/** A record whose bytes could not be used; the others go on. `line` counts from 1, `record` likewise. */
export type RecordIssue = { file: string; record: number; reason: string };

/** The wanted values of one record: the bytes stay valid only during the call. */
export type FoundRecord = {
  bytes: Buffer;
  /** Start and end of each wanted value, −1 where it is not there. */
  slots: Int32Array;
  /** From 1; in JSONL without empty lines this is the line. */
  record: number;
};

const CHUNK_BYTES = 1 << 22; // measured 2026-11: no faster beyond 4 MiB

/**
 * Calls `onRecord` for each object, in order. A broken JSONL line is given to `onIssue` and skipped; a broken array cannot
 * be read on and is an exception that names the byte.
 */
export async function readRecords(
  path: string,
  shape: ReturnType<typeof shapeOf>,
  slotCount: number,
  on: { record: (found: FoundRecord) => void; issue: (issue: RecordIssue) => void },
): Promise<void> {
  const file = await open(path, "r");
  try {
    const reader = new RecordReader(path, shape, slotCount, on);
    for (;;) {
      const { bytesRead } = await file.read(reader.room());
      if (bytesRead === 0) break;
      reader.add(bytesRead);
    }
    reader.finish();
  } finally {
    await file.close();
  }
}

const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const BYTE_ORDER_MARK = 0xef; // the first of its three bytes

type Handlers = Parameters<typeof readRecords>[3];

class RecordReader {
  readonly #path: string;
  readonly #shape: ReturnType<typeof shapeOf>;
  readonly #on: Handlers;
  readonly #slots: Int32Array;
  #bytes = Buffer.alloc(CHUNK_BYTES + SENTINEL_BYTES);
  #view = this.#bytes.subarray(0, SENTINEL_BYTES);
  /** Bytes of data in the buffer, and how many of the file lie before it. */
  #end = 0;
  #before = 0;
  #record = 0;
  #format: "unknown" | "lines" | "array" | "ended" = "unknown";

  constructor(path: string, shape: ReturnType<typeof shapeOf>, slotCount: number, on: Handlers) {
    this.#path = path;
    this.#shape = shape;
    this.#on = on;
    this.#slots = new Int32Array(2 * slotCount);
  }

  /** Free space for the next bytes of the file; a record larger than the buffer makes it grow. */
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
    const used = this.#scan(0, false);
    this.#bytes.copyWithin(0, used, this.#end);
    this.#end -= used;
    this.#before += used;
    this.#close();
  }

  /** Ends the data with the sentinel, out of sight of older bytes behind it. */
  #close(): void {
    this.#bytes.fill(0, this.#end, this.#end + SENTINEL_BYTES);
    this.#view = this.#bytes.subarray(0, this.#end + SENTINEL_BYTES);
  }

  /** What is left when the file ends must be nothing. */
  finish(): void {
    const used = this.#scan(0, true);
    if (this.#format === "array") throw this.#broken(used, "the array is not closed: the file is cut off");
  }

  /** Takes as many whole records as there are; returns how many bytes they used. */
  #scan(from: number, atEnd: boolean): number {
    let here = from;
    for (;;) {
      const start = this.#separator(here);
      if (start >= this.#end) return this.#end;
      const next = this.#one(start, atEnd);
      if (next === undefined) return start;
      here = next;
    }
  }

  /** The place after white space, byte order mark, brackets of the array and commas. */
  #separator(from: number): number {
    const here = skipSpace(this.#view, from);
    if (here >= this.#end) return here;
    if (this.#format === "unknown") return this.#opening(here);
    if (this.#format !== "array") return here;
    const next = this.#record > 0 && this.#bytes[here] === COMMA ? skipSpace(this.#view, here + 1) : here;
    return this.#closing(next);
  }

  #opening(from: number): number {
    const here = this.#bytes[from] === BYTE_ORDER_MARK ? skipSpace(this.#view, from + 3) : from;
    this.#format = this.#bytes[here] === OPEN_LIST ? "array" : "lines";
    return this.#format === "array" ? this.#closing(skipSpace(this.#view, here + 1)) : here;
  }

  #closing(here: number): number {
    if (this.#bytes[here] !== CLOSE_LIST) return here;
    this.#format = "ended";
    return skipSpace(this.#view, here + 1);
  }

  #one(start: number, atEnd: boolean): number | undefined {
    try {
      if (this.#bytes[start] !== OPEN_OBJECT) throw new JsonFault(start, "expected a record in { }");
      this.#slots.fill(-1);
      const end = scanObject(this.#view, start, this.#shape, this.#slots);
      this.#record++;
      this.#hand();
      return end;
    } catch (error) {
      const more = error === INCOMPLETE && !atEnd && !this.#bytes.subarray(start, this.#end).includes(0);
      if (more) return undefined;
      return this.#afterFault(start, error, atEnd);
    }
  }

  /** A value that turns out not to be JSON when it is read (a bad escape) costs this record only. */
  #hand(): void {
    try {
      this.#on.record({ bytes: this.#view, slots: this.#slots, record: this.#record });
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#on.issue({ file: this.#path, record: this.#record, reason: `not JSON: ${error.message}` });
    }
  }

  #afterFault(start: number, error: unknown, atEnd: boolean): number | undefined {
    if (error !== INCOMPLETE && !(error instanceof JsonFault)) throw error;
    const reason = error instanceof JsonFault ? error.message : "the record is cut off, or holds a zero byte";
    if (this.#format !== "lines") throw this.#broken(error instanceof JsonFault ? error.at : start, reason);
    const newline = this.#bytes.subarray(0, this.#end).indexOf(0x0a, start);
    if (newline < 0 && !atEnd) return undefined; // the rest of the broken line is still to come
    this.#record++;
    this.#on.issue({ file: this.#path, record: this.#record, reason: `not JSON: ${reason}` });
    return newline < 0 ? this.#end : newline + 1;
  }

  #broken(at: number, reason: string): Error {
    const place = `byte ${this.#before + at}, after ${this.#record} records`;
    return new Error(
      `${this.#path} is not a whole JSON array (${place}): ${reason}; write it again or give it as JSONL`,
    );
  }
}
