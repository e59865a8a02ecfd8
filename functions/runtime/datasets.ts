import { roundPrefix } from "../../shared/keys.ts";
import type { ExportFormat } from "../../shared/schemas/lineage.ts";
import type { RunRow } from "../../shared/schemas/rows.ts";
import { exportRound } from "./finish.ts";
import { oneByOne } from "./one-by-one.ts";
import type { World } from "./world.ts";

/** Gives a round's dataset, and makes it first where it is not whole: `lineage.json` is written last. */
export function openDatasets(world: World) {
  const inTurn = oneByOne();
  return async ({ runId }: RunRow, round: number, format: ExportFormat): Promise<{ prefix: string }> => {
    const prefix = `${roundPrefix(runId, round)}/dataset/${format}`;
    return inTurn(prefix, async () => {
      const whole = await world.blobs.read(`${prefix}/lineage.json`, { offset: 0, length: 1 });
      if (whole === undefined) await exportRound({ runId, round, format }, world);
      return { prefix };
    });
  };
}
