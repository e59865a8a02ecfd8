/**
 * Confidence intervals by resampling whole images (Efron & Tibshirani 1993, ch. 13: percentile method): the answers to
 * one picture share its difficulty, so that counting them as independent would give intervals that are too narrow.
 */
import { type Random, randomFrom } from "../random.ts";
import type { Difference, Estimate } from "../schemas/metrics.ts";

/** One image's part of a figure: the figure is Σ top / Σ bottom over the images. */
export type Ratio = { top: number; bottom: number };

export type BootstrapOptions = {
  /** E.g. 0.95. */
  confidence: number;
  /** E.g. 1000. */
  resamples: number;
  seed: number;
};

/** Per image the parts of several figures; every image has the same figures. */
export type Cluster<Name extends string> = Readonly<Record<Name, Ratio>>;

/** Top and bottom of one figure of all images, side by side: the resampling loop reads flat arrays. */
type Columns = { top: Float64Array; bottom: Float64Array };

function columnsOf<Name extends string>(clusters: readonly Cluster<Name>[], name: Name): Columns {
  return {
    top: Float64Array.from(clusters, (cluster) => cluster[name].top),
    bottom: Float64Array.from(clusters, (cluster) => cluster[name].bottom),
  };
}

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);

/** The draws of all resamples, one after the other: the same for every figure and both models, so that they are paired. */
function draws(clusters: number, resamples: number, random: Random): Uint32Array {
  const drawn = new Uint32Array(clusters * resamples);
  for (let at = 0; at < drawn.length; at++) drawn[at] = random() * clusters; // the array cuts the fraction off
  return drawn;
}

/** The figure in each resample; NaN where a resample has nothing to count. */
function resampled({ top, bottom }: Columns, drawn: Uint32Array): Float64Array {
  const size = top.length;
  const values = new Float64Array(drawn.length / size);
  for (let resample = 0, at = 0; resample < values.length; resample++) {
    let tops = 0;
    let bottoms = 0;
    for (const end = at + size; at < end; at++) {
      tops += top[drawn[at]!]!;
      bottoms += bottom[drawn[at]!]!;
    }
    values[resample] = tops / bottoms;
  }
  return values;
}

/** The percentile interval, widened to hold `value` where a lopsided sample leaves it outside. */
function interval(values: Float64Array, value: number, confidence: number): [number, number] {
  const sorted = values.filter((item) => !Number.isNaN(item)).sort();
  const tail = (1 - confidence) / 2;
  const quantile = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? value;
  return [Math.min(value, quantile(tail)), Math.max(value, quantile(1 - tail))];
}

/**
 * Where every image shows 0 (or every image shows 1) resampling knows no spread. The exact bound for such a share, with
 * images as the trials, is 1 − (α/2)^(1/images) (Clopper & Pearson 1934), about 3.7/images at 95 %.
 */
function exactAtTheEdge(value: number, images: number, confidence: number): [number, number] {
  const reach = 1 - ((1 - confidence) / 2) ** (1 / images);
  return value === 0 ? [0, reach] : [1 - reach, 1];
}

function estimate(columns: Columns, drawn: Uint32Array, confidence: number, isShare: boolean): Estimate {
  const n = sum(columns.bottom);
  if (n === 0) return { value: null, ci: null, n };
  const value = sum(columns.top) / n;
  const images = columns.bottom.filter((bottom) => bottom > 0).length;
  if (isShare && (value === 0 || value === 1)) return { value, ci: exactAtTheEdge(value, images, confidence), n };
  return { value, ci: interval(resampled(columns, drawn), value, confidence), n };
}

/**
 * Several figures of one model with their intervals, all from the same resamples.
 * @param shares the figures that lie in 0..1; the others are means
 */
export function bootstrap<Name extends string>(
  clusters: readonly Cluster<Name>[],
  names: readonly Name[],
  options: BootstrapOptions,
  shares: ReadonlySet<Name>,
): Record<Name, Estimate> {
  const drawn = draws(clusters.length, options.resamples, randomFrom(options.seed));
  const entries = names.map((name) => [
    name,
    estimate(columnsOf(clusters, name), drawn, options.confidence, shares.has(name)),
  ]);
  return Object.fromEntries(entries) as Record<Name, Estimate>;
}

/**
 * A figure that is no single Σ/Σ, e.g. Cohen's kappa: `statistic` of the columns' sums over the images, NaN where it
 * cannot be computed. The same seed draws the same images as `bootstrap` does.
 * @param images one row of numbers an image, all equally long
 */
export function bootstrapStatistic(
  images: readonly (readonly number[])[],
  statistic: (sums: readonly number[]) => number,
  { confidence, resamples, seed }: BootstrapOptions,
): Pick<Estimate, "value" | "ci"> {
  const value = statistic(columnSums(images, images.keys()));
  if (Number.isNaN(value)) return { value: null, ci: null };
  const drawn = draws(images.length, resamples, randomFrom(seed));
  const values = Float64Array.from({ length: resamples }, (_, resample) =>
    statistic(columnSums(images, drawn.subarray(resample * images.length, (resample + 1) * images.length))),
  );
  return { value, ci: interval(values, value, confidence) };
}

function columnSums(images: readonly (readonly number[])[], chosen: Iterable<number>): number[] {
  const sums = new Array<number>(images[0]?.length ?? 0).fill(0);
  for (const image of chosen) {
    const row = images[image]!;
    for (let column = 0; column < sums.length; column++) sums[column]! += row[column]!;
  }
  return sums;
}

/**
 * The difference b − a of one figure, where `a[i]` and `b[i]` are two models on the same image.
 * `p`: twice the smaller share of resamples on either side of 0, never below 1/(resamples + 1).
 */
export function pairedDifference(a: readonly Ratio[], b: readonly Ratio[], options: BootstrapOptions): Difference {
  if (a.length !== b.length) throw new RangeError(`paired difference: ${a.length} images against ${b.length}`);
  const columns = [a, b].map((ratios) =>
    columnsOf(
      ratios.map((ratio) => ({ ratio })),
      "ratio",
    ),
  );
  const [first, second] = columns as [Columns, Columns];
  const value = sum(second.top) / sum(second.bottom) - sum(first.top) / sum(first.bottom);
  if (Number.isNaN(value)) return { value: null, ci: null, p: null };
  const drawn = draws(a.length, options.resamples, randomFrom(options.seed));
  const before = resampled(first, drawn);
  const differences = resampled(second, drawn).map((after, resample) => after - before[resample]!);
  return { value, ci: interval(differences, value, options.confidence), p: twoSided(differences) };
}

function twoSided(differences: Float64Array): number {
  const known = differences.filter((difference) => !Number.isNaN(difference));
  const notAbove = known.filter((difference) => difference <= 0).length;
  const notBelow = known.filter((difference) => difference >= 0).length;
  return Math.min(1, (2 * (Math.min(notAbove, notBelow) + 1)) / (known.length + 1));
}
