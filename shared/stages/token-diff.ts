/** Which tokens two answers do not share: those that a dense DPO loss weighs more (RLHF-V's DDPO, RLAIF-V muffin/data). */

type Block = { a: number; b: number; size: number };
type Range = { aFrom: number; aTo: number; bFrom: number; bTo: number };

const POPULAR_FROM = 200; // Python's difflib: in longer lists, elements that make up more than 1 % start no match
const SHORTEST_BLOCK = 3; // shorter agreements are chance

/** Where each element stands in `b`, without the popular ones. */
function positionsOf(b: readonly number[]): Map<number, number[]> {
  const positions = new Map<number, number[]>();
  b.forEach((token, at) => {
    positions.set(token, [...(positions.get(token) ?? []), at]);
  });
  if (b.length < POPULAR_FROM) return positions;
  const most = Math.floor(b.length / 100) + 1;
  return new Map([...positions].filter(([, found]) => found.length <= most));
}

/** The longest common run inside a range, the earliest in `a`, then in `b`, among equals. */
function longestBlock(a: readonly number[], positions: ReadonlyMap<number, number[]>, range: Range): Block {
  let best: Block = { a: range.aFrom, b: range.bFrom, size: 0 };
  let ending = new Map<number, number>();
  for (let i = range.aFrom; i < range.aTo; i++) {
    const next = new Map<number, number>();
    for (const j of positions.get(a[i]!) ?? []) {
      if (j < range.bFrom || j >= range.bTo) continue;
      const size = (ending.get(j - 1) ?? 0) + 1;
      next.set(j, size);
      if (size > best.size) best = { a: i - size + 1, b: j - size + 1, size };
    }
    ending = next;
  }
  return best;
}

/** Grows a block over equal neighbours, which the popular tokens left out may be. */
function grown(a: readonly number[], b: readonly number[], block: Block, range: Range): Block {
  let { a: i, b: j, size } = block;
  while (i > range.aFrom && j > range.bFrom && a[i - 1] === b[j - 1]) {
    i -= 1;
    j -= 1;
    size += 1;
  }
  while (i + size < range.aTo && j + size < range.bTo && a[i + size] === b[j + size]) size += 1;
  return { a: i, b: j, size };
}

/** Ratcliff-Obershelp: the longest common run, then the same to its left and to its right; neighbours joined. */
export function matchingBlocks(a: readonly number[], b: readonly number[]): Block[] {
  const positions = positionsOf(b);
  const within = (range: Range): Block[] => {
    const block = grown(a, b, longestBlock(a, positions, range), range);
    if (block.size === 0) return [];
    const left = within({ ...range, aTo: block.a, bTo: block.b });
    const right = within({ ...range, aFrom: block.a + block.size, bFrom: block.b + block.size });
    return [...left, block, ...right];
  };
  return joined(within({ aFrom: 0, aTo: a.length, bFrom: 0, bTo: b.length }));
}

function joined(blocks: readonly Block[]): Block[] {
  const out: Block[] = [];
  for (const block of blocks) {
    const last = out.at(-1);
    if (last && last.a + last.size === block.a && last.b + last.size === block.b) last.size += block.size;
    else out.push({ ...block });
  }
  return out;
}

const places = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** The places in both answers that were changed: gaps between shared runs, where both sides have something. */
export function changedTokens(
  rejected: readonly number[],
  chosen: readonly number[],
): { rejected: number[]; chosen: number[] } {
  const shared = matchingBlocks(rejected, chosen).filter(({ size }) => size >= SHORTEST_BLOCK);
  const changed = { rejected: [] as number[], chosen: [] as number[] };
  let [a, b] = [0, 0];
  for (const block of [...shared, { a: rejected.length, b: chosen.length, size: 0 }]) {
    if (block.a > a && block.b > b) {
      changed.rejected.push(...places(a, block.a));
      changed.chosen.push(...places(b, block.b));
    }
    [a, b] = [block.a + block.size, block.b + block.size];
  }
  return changed;
}
