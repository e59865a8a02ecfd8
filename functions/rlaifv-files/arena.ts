/** Bytes kept outside the heap: a full round has 178,000 questions and 40,000 answers, and no text of them is needed. */

const FIRST_BYTES = 1 << 20; // our choice

/** One growing piece of memory; what was appended is found again by its place. */
export class ByteTape {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #end = 0;

  /** Returns where the bytes begin. */
  append(source: Buffer, start: number, end: number): number {
    if (this.#end + end - start > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (this.#bytes.length + end - start));
      this.#bytes.copy(larger, 0, 0, this.#end);
      this.#bytes = larger;
    }
    const at = this.#end;
    this.#end += source.copy(this.#bytes, at, start, end);
    return at;
  }

  /** Valid until the next `append`. */
  slice(start: number, end: number): Buffer {
    return this.#bytes.subarray(start, end);
  }

  holdsAt(at: number, source: Buffer, start: number, end: number): boolean {
    return source.compare(this.#bytes, at, at + end - start, start, end) === 0;
  }
}

const BLOCK_BYTES = 1 << 20; // our choice

/** Puts pieces together one after the other and hands each out whole. */
export class Arena {
  #block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #start = 0;
  #end = 0;

  /** Bytes added since the last `take`. */
  get size(): number {
    return this.#end - this.#start;
  }

  addBytes(source: Buffer, start: number, end: number): void {
    this.#reserve(end - start);
    this.#end += source.copy(this.#block, this.#end, start, end);
  }

  /** `text`: plain ASCII. */
  addText(text: string): void {
    this.#reserve(text.length);
    this.#end += this.#block.write(text, this.#end, "latin1");
  }

  /** What was added since the last time, as one piece. */
  take(): Buffer {
    const taken = this.#block.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return taken;
  }

  #reserve(more: number): void {
    if (this.#end + more <= this.#block.length) return;
    const block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, 2 * (this.size + more)));
    this.#block.copy(block, 0, this.#start, this.#end);
    this.#end = this.size;
    this.#start = 0;
    this.#block = block;
  }
}
