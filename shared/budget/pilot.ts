/** From what a few samples took to what a whole run takes. Pure. */
import { type BootstrapOptions, bootstrap } from "../evaluation/bootstrap.ts";
import { STAGE_ORDER } from "../pipeline.ts";
import type { StageName } from "../schemas/rows.ts";
import { MICROS_PER_USD } from "./prices.ts";

/** What one stage took for one sample. `usdMicros` may have a fraction: a share of what all samples took together. */
export type StageUse = { requests: number; usdMicros: number; seconds: number };

/** One sample of the pilot; a stage it did not reach has zeros. */
export type PilotSample = { parked: boolean; pairs: number; stages: Record<StageName, StageUse> };

/** How often a sample of the whole run is walked through the stages. */
export type RunScale = {
  /** To make pairs: the samples of all rounds. */
  walks: number;
  /** To compare and report, each counted as the share of a training walk's answers that it asks for. */
  evaluated: number;
};

/** `ci`: null where a single sample tells nothing about the spread. */
export type Extrapolated = { value: number; ci: [number, number] | null };
export type PilotFigures = {
  usd: Extrapolated;
  seconds: Extrapolated;
  pairs: Extrapolated;
  /** Pairs a sample. */
  yield: Extrapolated;
  stages: { stage: StageName; requests: number; usd: number; seconds: number }[];
};

/**
 * Every figure is the mean over the samples times the walks. The interval is of that mean, by resampling samples: it says
 * nothing of what the pilot could not see, e.g. a policy that has been trained. Throws a RangeError without samples.
 */
export function extrapolate(
  samples: readonly PilotSample[],
  { walks, evaluated }: RunScale,
  options: BootstrapOptions,
): PilotFigures {
  if (samples.length === 0) throw new RangeError("a pilot needs at least one sample");
  const mean = (figure: (use: StageUse) => number) => (sample: PilotSample) =>
    STAGE_ORDER.reduce((sum, stage) => sum + figure(sample.stages[stage]), 0);
  const usd = mean(({ usdMicros }) => usdMicros / MICROS_PER_USD);
  const seconds = mean((use) => use.seconds);
  const clusters = samples.map((sample) => ({
    usd: { top: usd(sample), bottom: 1 },
    seconds: { top: seconds(sample), bottom: 1 },
    pairs: { top: sample.pairs, bottom: 1 },
  }));
  const found = bootstrap(clusters, ["usd", "seconds", "pairs"], options, new Set());
  const times = (name: keyof typeof found, factor: number): Extrapolated => {
    const { value, ci } = found[name];
    const known = samples.length > 1 && ci !== null;
    return { value: (value ?? 0) * factor, ci: known ? [ci[0] * factor, ci[1] * factor] : null };
  };
  const all = walks + evaluated;
  return {
    usd: times("usd", all),
    seconds: times("seconds", all),
    pairs: times("pairs", walks),
    yield: times("pairs", 1),
    stages: STAGE_ORDER.map((stage) => stageFigures(stage, samples, all)),
  };
}

function stageFigures(
  stage: StageName,
  samples: readonly PilotSample[],
  walks: number,
): PilotFigures["stages"][number] {
  const total = (figure: keyof StageUse) =>
    (samples.reduce((sum, { stages }) => sum + stages[stage][figure], 0) / samples.length) * walks;
  return {
    stage,
    requests: Math.round(total("requests")),
    usd: total("usdMicros") / MICROS_PER_USD,
    seconds: total("seconds"),
  };
}
