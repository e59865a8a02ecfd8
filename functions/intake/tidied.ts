/**
 * An image file taken apart by its container, without decoding, and put together again from what its pixels need: the same
 * picture, bit for bit, without the rest. `unclear`: the container is not as its format says; only a decoder can tell.
 */
export type Tidied =
  | { outcome: "tidied"; bytes: Uint8Array; dropped: string[]; hasExif: boolean; frames: number }
  | { outcome: "unclear" }
  | { outcome: "broken"; reason: string };

/** Collects the pieces that stay; names what goes, each once. */
export class Pieces {
  readonly #kept: Uint8Array[] = [];
  readonly #dropped = new Set<string>();

  keep(piece: Uint8Array): void {
    this.#kept.push(piece);
  }

  drop(name: string): void {
    this.#dropped.add(name);
  }

  /** `whole` comes back itself when nothing was dropped. */
  result(whole: Uint8Array, frames = 1): Tidied {
    const dropped = [...this.#dropped];
    const bytes = dropped.length === 0 ? whole : Buffer.concat(this.#kept);
    return { outcome: "tidied", bytes, dropped, hasExif: this.#dropped.has("exif"), frames };
  }
}

/** Bytes as characters, for the short names of containers. */
export function ascii(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}
