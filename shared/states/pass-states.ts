/** How many samples of a pass are in which state, those without a row of their own included. */
import { STAGE_ORDER } from "../pipeline.ts";
import type { SampleState, ShardRow } from "../schemas/rows.ts";

/**
 * A large pass has no rows for the samples of shards that nobody has begun: they are submitted.
 * @param counted of the rows there are
 * @param shards of the pass
 */
export function passStates(
  counted: Record<SampleState, number>,
  shards: readonly Pick<ShardRow, "stage" | "samples">[],
): Record<SampleState, number> {
  const dealt = shards.reduce((sum, { stage, samples }) => sum + (stage === STAGE_ORDER[0] ? samples : 0), 0);
  const rows = Object.values(counted).reduce((sum, count) => sum + count, 0);
  return { ...counted, submitted: counted.submitted + Math.max(0, dealt - rows) };
}
