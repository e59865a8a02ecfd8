/** What a pilot found, as text. Pure. */
import type { PilotView } from "../api/contract/runs.ts";
import { duration } from "../report/format.ts";

export function estimateText({ pilot, samples, not_included: missing, warnings, ...figures }: PilotView): string {
  const { usd, seconds, pairs, yield: perSample } = figures;
  return [
    `pilot      ${pilot.samples} samples in ${duration(pilot.seconds)} for $${pilot.usd.toFixed(6)}${pilot.parked === 0 ? "" : `, ${pilot.parked} parked`}`,
    `all        ${samples} samples`,
    `  cost     ${range(usd, (value) => `$${value.toFixed(value < 0.01 ? 6 : value < 1 ? 4 : 2)}`)}`,
    `  time     ${range(seconds, duration)}`,
    `  pairs    ${range(pairs, (value) => Math.round(value).toLocaleString("en"))} (${perSample.value.toFixed(2)} a sample)`,
    ...missing.map((what) => `  without  ${what}`),
    ...warnings.map((warning) => `warning: ${warning}`),
  ].join("\n");
}

/** The value, and where it lies in 95 of 100 pilots. */
function range({ value, ci }: PilotView["usd"], say: (value: number) => string): string {
  return ci === null ? `about ${say(value)}` : `about ${say(value)}, between ${say(ci[0])} and ${say(ci[1])}`;
}
