/**
 * How far a labeler or judge agrees with people or with ground truth. Its task is to find what is false, so "rejected"
 * is the class that precision and recall are of. Abstentions are counted apart: no figure of verdicts has them.
 */
import { canonicalJson } from "../ids.ts";
import type { Estimate } from "../schemas/metrics.ts";
import type { Verdict } from "../schemas/sample.ts";
import { type BootstrapOptions, bootstrap, bootstrapStatistic, type Cluster, type Ratio } from "./bootstrap.ts";

/** One claim, with what is true of it and what the labeler said. */
export type AgreementRow = {
  itemId: string;
  /** What the bootstrap draws: the image. */
  cluster: string;
  /** Whether the claim holds. */
  truth: boolean;
  verdict: Verdict;
  /** Probabilities of yes and no in 0..1; only pYes / (pYes + pNo) counts. Undefined: no part in the calibration. */
  pYes?: number | undefined;
  pNo?: number | undefined;
};

const RATIOS = [
  "accuracy",
  "rejected_precision",
  "rejected_recall",
  "rejected_f1",
  "specificity",
  "abstentions",
  "brier",
] as const;
type RatioName = (typeof RATIOS)[number];
export type AgreementFigure = RatioName | "kappa" | "calibration_error";

/** Claims with a verdict, by truth and verdict. */
export type Confusion = { falseRejected: number; falseAccepted: number; trueRejected: number; trueAccepted: number };

/** Claims of like p(yes): what was said (the mean) beside the share that is true. */
export type CalibrationBin = { said: number; observed: Estimate };

export type Agreement = {
  claims: number;
  images: number;
  confusion: Confusion;
  figures: Record<AgreementFigure, Estimate>;
  /** By rising p(yes), about equally many claims each; empty where no claim has probabilities. */
  curve: CalibrationBin[];
};

export const CALIBRATION_BINS = 10; // usual in the literature (Guo et al. 2017 use 15); ours hold equally many claims

/** All figures with intervals over images; the order of `rows` does not matter. */
export function measureAgreement(rows: readonly AgreementRow[], options: BootstrapOptions): Agreement {
  const images = byImage(rows);
  const figures = bootstrap(images.map(ratiosOf), RATIOS, options, new Set(RATIOS));
  const bins = binsOf(images.flat());
  return {
    claims: rows.length,
    images: images.length,
    confusion: confusionOf(rows),
    figures: {
      ...figures,
      kappa: kappaEstimate(images, figures.accuracy, options),
      calibration_error: calibrationError({ images, bins, brier: figures.brier }, options),
    },
    curve: curveOf(images, bins, options),
  };
}

/** In an order that does not depend on the order of `rows`: a seed then draws the same images. */
function byImage(rows: readonly AgreementRow[]): AgreementRow[][] {
  const keyed = rows.map((row) => ({ row, key: canonicalJson(row) })).sort((a, b) => (a.key < b.key ? -1 : 1));
  return [...Map.groupBy(keyed, ({ row }) => row.cluster).values()].map((members) => members.map(({ row }) => row));
}

/** How many rows of each truth got each verdict. */
export function confusionOf(rows: readonly AgreementRow[]): Confusion {
  const count = (truth: boolean, verdict: Verdict) =>
    rows.filter((row) => row.truth === truth && row.verdict === verdict).length;
  return {
    falseRejected: count(false, "rejected"),
    falseAccepted: count(false, "accepted"),
    trueRejected: count(true, "rejected"),
    trueAccepted: count(true, "accepted"),
  };
}

function ratiosOf(rows: readonly AgreementRow[]): Cluster<RatioName> {
  const { falseRejected, falseAccepted, trueRejected, trueAccepted } = confusionOf(rows);
  const decided = falseRejected + falseAccepted + trueRejected + trueAccepted;
  const said = rows.flatMap(saidOf);
  const mistakes = falseAccepted + trueRejected;
  return {
    accuracy: { top: falseRejected + trueAccepted, bottom: decided },
    rejected_precision: { top: falseRejected, bottom: falseRejected + trueRejected },
    rejected_recall: { top: falseRejected, bottom: falseRejected + falseAccepted },
    rejected_f1: { top: 2 * falseRejected, bottom: 2 * falseRejected + mistakes },
    specificity: { top: trueAccepted, bottom: trueAccepted + trueRejected },
    abstentions: { top: rows.length - decided, bottom: rows.length },
    brier: { top: said.reduce((total, { p, truth }) => total + (p - truth) ** 2, 0), bottom: said.length },
  };
}

/**
 * Agreement beyond chance: (observed − expected) / (1 − expected) (Cohen 1960), in whole numbers so that 1 is exactly 1.
 * NaN where all claims are of one kind and all verdicts too: chance alone would agree.
 */
export function kappa({ falseRejected, falseAccepted, trueRejected, trueAccepted }: Confusion): number {
  const beyondChance = falseRejected * trueAccepted - trueRejected * falseAccepted;
  return (2 * beyondChance) / chanceDisagreement({ falseRejected, falseAccepted, trueRejected, trueAccepted });
}

/** (1 − expected agreement) · n². */
function chanceDisagreement({ falseRejected, falseAccepted, trueRejected, trueAccepted }: Confusion): number {
  const rejected = falseRejected + trueRejected;
  const accepted = falseAccepted + trueAccepted;
  return rejected * (trueRejected + trueAccepted) + accepted * (falseRejected + falseAccepted);
}

/**
 * Without a single mistake resampling knows no spread: the interval is then what the exact bound of the accuracy allows
 * over the disagreement that chance would give.
 */
function kappaEstimate(images: readonly AgreementRow[][], accuracy: Estimate, options: BootstrapOptions): Estimate {
  const counts = images.map((rows) => Object.values(confusionOf(rows)));
  const { value, ci } = bootstrapStatistic(counts, (sums) => kappa(confusionFrom(sums)), options);
  const n = accuracy.n;
  if (value !== 1 || accuracy.ci === null) return { value, ci, n };
  const chance = chanceDisagreement(confusionOf(images.flat())) / n ** 2;
  return { value, ci: [Math.max(-1, 1 - (1 - accuracy.ci[0]) / chance), 1], n };
}

/** In the order of `confusionOf`. */
const confusionFrom = ([falseRejected = 0, falseAccepted = 0, trueRejected = 0, trueAccepted = 0]: readonly number[]) =>
  ({ falseRejected, falseAccepted, trueRejected, trueAccepted }) satisfies Confusion;

type Said = { p: number; truth: 0 | 1 };

/** Nothing where the labeler gave neither yes nor no any probability. */
function saidOf({ pYes, pNo, truth }: AgreementRow): Said[] {
  if (pYes === undefined || pNo === undefined || pYes + pNo === 0) return [];
  return [{ p: pYes / (pYes + pNo), truth: truth ? 1 : 0 }];
}

/** From p(yes) to its bin. Equal values share a bin, the one of their middle rank, so that no tie is broken by order. */
function binsOf(rows: readonly AgreementRow[]): Map<number, number> {
  const sorted = rows
    .flatMap(saidOf)
    .map(({ p }) => p)
    .sort((a, b) => a - b);
  const bins = new Map<number, number>();
  for (let first = 0, after = 0; first < sorted.length; first = after) {
    while (sorted[after] === sorted[first]) after++;
    bins.set(sorted[first]!, Math.floor((CALIBRATION_BINS * (first + after)) / (2 * sorted.length)));
  }
  return bins;
}

type Calibrated = { images: readonly AgreementRow[][]; bins: ReadonlyMap<number, number>; brier: Estimate };

/**
 * Expected calibration error: Σ over bins of their share of claims · |mean p(yes) − share that is true|, which is
 * Σ |Σ (p − truth)| / claims. A resample is binned as the whole is. Noise alone makes it positive, in resamples more so.
 */
function calibrationError({ images, bins, brier }: Calibrated, options: BootstrapOptions): Estimate {
  if (brier.value === 0 || brier.value === 1) return brier; // every p was exactly right, or exactly wrong: no spread
  const gaps = images.map((rows) => {
    const row = new Array<number>(CALIBRATION_BINS + 1).fill(0);
    for (const { p, truth } of rows.flatMap(saidOf)) {
      row[bins.get(p)!]! += p - truth;
      row[CALIBRATION_BINS]! += 1;
    }
    return row;
  });
  const error = (sums: readonly number[]) =>
    sums.slice(0, CALIBRATION_BINS).reduce((total, gap) => total + Math.abs(gap), 0) / (sums[CALIBRATION_BINS] ?? 0);
  return { ...bootstrapStatistic(gaps, error, options), n: brier.n };
}

function curveOf(
  images: readonly AgreementRow[][],
  bins: ReadonlyMap<number, number>,
  options: BootstrapOptions,
): CalibrationBin[] {
  const used = [...new Set(bins.values())].sort((a, b) => a - b);
  return used.map((bin) => {
    const members = images.map((rows) => rows.flatMap(saidOf).filter(({ p }) => bins.get(p) === bin));
    const all = members.flat();
    const observed = members.map((said): { observed: Ratio } => ({
      observed: { top: said.filter(({ truth }) => truth === 1).length, bottom: said.length },
    }));
    return {
      said: all.reduce((total, { p }) => total + p, 0) / all.length,
      observed: bootstrap(observed, ["observed"], options, new Set(["observed"] as const)).observed,
    };
  });
}
