/**
 * Whether one model is better than another on the same items. Differences are paired and resampled by whole images;
 * p is corrected for the number of things that were looked at.
 */
import type { ItemScore } from "../schemas/evaluation.ts";
import type { Difference } from "../schemas/metrics.ts";
import { type BootstrapOptions, pairedDifference, type Ratio } from "./bootstrap.ts";
import { holm } from "./holm.ts";

export type CompareOptions = BootstrapOptions & {
  /** The figures to compare; all that either side has where none are named. Each one costs power. */
  figures?: readonly string[];
  /** Compare the items that both sides have an answer to, and tell how many were left out; else a difference is refused. */
  commonOnly?: boolean;
};

/** `difference.value` is b − a. `pAdjusted`: Holm over all p of the comparison. */
export type FigureComparison = { a: number | null; b: number | null; difference: Difference; pAdjusted: number | null };

export type Comparison = {
  items: number;
  images: number;
  /** Items that one side lacks, or did not answer: compared nowhere. */
  leftOut: number;
  figures: Record<string, FigureComparison>;
  notes: string[];
};

export type Candidate = { name: string; scores: readonly ItemScore[] };

/** Against the base, in the order of the names; every `pAdjusted` is over all figures of all candidates. */
export type ManyComparisons = {
  candidates: { name: string; comparison: Comparison }[];
  tests: number;
  notes: string[];
};

/** The two sides are not of the same items; the message names what differs. */
export class ComparisonRefused extends Error {
  override name = "ComparisonRefused";
}

/**
 * Every figure of `b` against the same figure of `a`.
 * @throws ComparisonRefused where the sides differ in their items, unless `commonOnly` says to leave those out; for an
 *   item that belongs to different images there is no way out
 */
export function compareEvaluations(
  a: readonly ItemScore[],
  b: readonly ItemScore[],
  options: CompareOptions,
): Comparison {
  return corrected([compared(a, b, options)])[0]!;
}

/**
 * Many candidates against one base, e.g. the checkpoints of a round against its start.
 * @throws ComparisonRefused as for two, with the candidate's name; and for two candidates of one name
 */
export function compareMany(
  base: readonly ItemScore[],
  candidates: readonly Candidate[],
  options: CompareOptions,
): ManyComparisons {
  const sorted = [...candidates].sort((x, y) => byText(x.name, y.name));
  for (const [at, { name }] of sorted.entries()) {
    if (at > 0 && sorted[at - 1]!.name === name) throw new ComparisonRefused(`two candidates are named ${name}`);
  }
  const comparisons = corrected(sorted.map(({ name, scores }) => named(name, () => compared(base, scores, options))));
  const tests = comparisons.flatMap(pValues).filter((p) => p !== null).length;
  return {
    candidates: sorted.map(({ name }, at) => ({ name, comparison: comparisons[at]! })),
    tests,
    notes: [
      `p is corrected (Holm) for ${tests} tests: every figure of ${sorted.length} candidates.`,
      `The best of ${sorted.length} candidates looks better on these items than it is, since luck helped to choose it: ` +
        "its difference and interval are not corrected for that. Report it on items that had no part in the choice.",
    ],
  };
}

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function named<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ComparisonRefused) throw new ComparisonRefused(`candidate ${name}: ${error.message}`);
    throw error;
  }
}

const pValues = ({ figures }: Comparison) => Object.values(figures).map(({ difference }) => difference.p);

/** One family of tests: all figures of all comparisons. */
function corrected(comparisons: readonly Comparison[]): Comparison[] {
  const adjusted = holm(comparisons.flatMap(pValues));
  let at = 0;
  return comparisons.map((comparison) => ({
    ...comparison,
    figures: Object.fromEntries(
      Object.entries(comparison.figures).map(([name, figure]) => [name, { ...figure, pAdjusted: adjusted[at++]! }]),
    ),
  }));
}

type Pairing = { items: [ItemScore, ItemScore][]; leftOut: number };

function compared(a: readonly ItemScore[], b: readonly ItemScore[], options: CompareOptions): Comparison {
  const { items, leftOut } = pairs(a, b, options.commonOnly ?? false);
  const images = [...Map.groupBy(items, ([{ cluster }]) => cluster)].sort(([x], [y]) => byText(x, y));
  const clusters = images.map(([, members]) => members);
  const figures = figureNames(a, b, options.figures).map((name) => [name, figureOf(clusters, name, options)] as const);
  const notes = leftOut === 0 ? [] : [`${leftOut} items were left out: one side lacks them or has no answer to them.`];
  return { items: items.length, images: images.length, leftOut, figures: Object.fromEntries(figures), notes };
}

function figureNames(
  a: readonly ItemScore[],
  b: readonly ItemScore[],
  wanted: readonly string[] | undefined,
): string[] {
  const known = new Set([...a, ...b].flatMap(({ parts }) => Object.keys(parts)));
  const unknown = wanted?.find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new ComparisonRefused(`no item has the figure ${unknown}; there are: ${[...known].sort(byText).join(", ")}`);
  }
  return [...new Set(wanted ?? known)].sort(byText);
}

function figureOf(
  clusters: readonly [ItemScore, ItemScore][][],
  name: string,
  options: BootstrapOptions,
): Omit<FigureComparison, "pAdjusted"> & { pAdjusted: null } {
  const [a, b] = ([0, 1] as const).map((side) =>
    clusters.map((members) => totalOf(members.map((pair) => pair[side].parts[name]))),
  ) as [Ratio[], Ratio[]];
  return { a: share(a), b: share(b), difference: pairedDifference(a, b, options), pAdjusted: null };
}

function totalOf(parts: readonly (Ratio | undefined)[]): Ratio {
  let [top, bottom] = [0, 0];
  for (const part of parts) {
    top += part?.top ?? 0;
    bottom += part?.bottom ?? 0;
  }
  return { top, bottom };
}

function share(ratios: readonly Ratio[]): number | null {
  const { top, bottom } = totalOf(ratios);
  return bottom === 0 ? null : top / bottom;
}

/** Both sides' scores of each item, in the order of the item's names. */
function pairs(a: readonly ItemScore[], b: readonly ItemScore[], commonOnly: boolean): Pairing {
  const [inA, inB] = [byItem(a, "A"), byItem(b, "B")];
  const onlyA = [...inA.keys()].filter((id) => !inB.has(id));
  const onlyB = [...inB.keys()].filter((id) => !inA.has(id));
  const both = [...inA].flatMap(([id, first]): [ItemScore, ItemScore][] =>
    inB.has(id) ? [[first, inB.get(id)!]] : [],
  );
  const moved = both.find(([first, second]) => first.cluster !== second.cluster);
  if (moved !== undefined) {
    const [first, second] = moved;
    throw new ComparisonRefused(`item ${first.itemId} is of image ${first.cluster} in A and of ${second.cluster} in B`);
  }
  const uneven = both.filter(([first, second]) => first.missing !== second.missing);
  if (!commonOnly) refuseDifferent({ onlyA, onlyB, uneven: uneven.map(([{ itemId }]) => itemId) });
  const items = both
    .filter(([first, second]) => first.missing === second.missing)
    .sort(([x], [y]) => byText(x.itemId, y.itemId));
  return { items, leftOut: onlyA.length + onlyB.length + uneven.length };
}

function byItem(scores: readonly ItemScore[], side: string): Map<string, ItemScore> {
  const items = new Map<string, ItemScore>();
  for (const score of scores) {
    if (items.has(score.itemId)) throw new ComparisonRefused(`item ${score.itemId} is twice in ${side}; keep one`);
    items.set(score.itemId, score);
  }
  return items;
}

function refuseDifferent(lists: { onlyA: string[]; onlyB: string[]; uneven: string[] }): void {
  const told = [
    differ("only in A", lists.onlyA),
    differ("only in B", lists.onlyB),
    differ("answered by one side only", lists.uneven),
  ].filter((text) => text !== "");
  if (told.length === 0) return;
  throw new ComparisonRefused(
    `the two sides differ: ${told.join("; ")}. Compare the common items only, if that is meant`,
  );
}

/** The first five by name: our choice of what fits a line. */
function differ(what: string, ids: string[]): string {
  if (ids.length === 0) return "";
  const shown = ids.sort(byText).slice(0, 5).join(", ");
  return `${ids.length} ${ids.length === 1 ? "item" : "items"} ${what} (${shown}${ids.length > 5 ? ", …" : ""})`;
}
