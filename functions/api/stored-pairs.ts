/**
 * Reads single pages and single samples out of a round's pairs, which may be gigabytes: the file is sorted by sample id
 * (functions/workers/pair.ts), so range reads find everything.
 */
import { pairsKey } from "../../shared/keys.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import { Pair } from "../../shared/schemas/pair.ts";

type PairsFile = { runId: string; round: number; blobs: Pick<BlobStore, "read"> };
/** `next`: where the line after the pair's begins. */
export type PlacedPair = { pair: Pair; next: number };

/** Bytes a read asks for. Our choice: a dozen pairs of ten claims a side. */
const CHUNK = 64 * 1024;
const LINE_END = 10; // "\n"

/** Up to `limit` pairs from the line that begins at byte `offset` on; `undefined` where no line begins there. */
export async function pairsFrom(file: PairsFile, offset: number, limit: number): Promise<PlacedPair[] | undefined> {
  const lines = openLines(file);
  if (!(await lines.beginsAt(offset))) return undefined;
  const pairs: PlacedPair[] = [];
  for (let at = offset; pairs.length < limit; at = pairs.at(-1)!.next) {
    const placed = await lines.pairAt(at);
    if (placed === undefined) break;
    pairs.push(placed);
  }
  return pairs;
}

/** The pairs of one sample, in the order of the file. */
export async function pairsOfSample(file: PairsFile, sampleId: string): Promise<Pair[]> {
  const lines = openLines(file);
  const pairs: Pair[] = [];
  let placed = await lines.pairAt(await near(sampleId, lines));
  while (placed !== undefined && placed.pair.sampleId <= sampleId) {
    if (placed.pair.sampleId === sampleId) pairs.push(placed.pair);
    placed = await lines.pairAt(placed.next);
  }
  return pairs;
}

type Lines = ReturnType<typeof openLines>;

/** Where a line begins that stands before the sample's first pair, and at most a chunk before it. */
async function near(sampleId: string, lines: Lines): Promise<number> {
  let [low, high] = [0, CHUNK];
  while (await lines.reaches(high)) high *= 2;
  while (high - low > CHUNK) {
    const middle = Math.floor((low + high) / 2);
    const begin = await lines.nextBegin(middle);
    const placed = begin >= high ? undefined : await lines.pairAt(begin);
    if (placed !== undefined && placed.pair.sampleId < sampleId) low = begin;
    else high = middle;
  }
  return low;
}

type Held = { start: number; bytes: Uint8Array };

/** Keeps the bytes read last: neighbouring lines cost one read. */
function openLines({ runId, round, blobs }: PairsFile) {
  const key = pairsKey(runId, round);
  let held: Held = { start: 0, bytes: new Uint8Array() };

  const bytesFrom = async (offset: number, length: number): Promise<Uint8Array> =>
    (await blobs.read(key, { offset, length })) ?? new Uint8Array();

  /** Place of the first line end at or after `offset`; the end of the file where there is none. Holds the bytes between. */
  async function lineEnd(offset: number): Promise<number> {
    const known = lineEndIn(held, offset);
    if (known !== undefined) return known;
    for (let length = CHUNK; ; length *= 2) {
      held = { start: offset, bytes: await bytesFrom(offset, length) };
      const found = lineEndIn(held, offset);
      if (found !== undefined) return found;
      if (held.bytes.length < length) return offset + held.bytes.length;
    }
  }

  return {
    async beginsAt(offset: number): Promise<boolean> {
      return offset === 0 || (await bytesFrom(offset - 1, 1))[0] === LINE_END;
    },
    reaches: async (offset: number): Promise<boolean> => (await bytesFrom(offset, 1)).length > 0,
    nextBegin: async (offset: number): Promise<number> => (await lineEnd(offset)) + 1,
    /** `undefined` at the end of the file. */
    async pairAt(offset: number): Promise<PlacedPair | undefined> {
      const end = await lineEnd(offset);
      if (end <= offset) return undefined;
      const line = held.bytes.subarray(offset - held.start, end - held.start);
      return { pair: Pair.parse(JSON.parse(new TextDecoder().decode(line))), next: end + 1 };
    },
  };
}

function lineEndIn({ start, bytes }: Held, offset: number): number | undefined {
  if (offset < start) return undefined;
  const found = bytes.indexOf(LINE_END, offset - start);
  return found < 0 ? undefined : start + found;
}
