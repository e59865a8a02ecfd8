/** Measures what a round's promoted policy answered on the reported split. */
import { measure, measureOptions, measureWithGreedy } from "../../shared/evaluation/measure.ts";
import { metricsKey, sftControlKey } from "../../shared/keys.ts";
import { parsePassId } from "../../shared/passes.ts";
import { PassInput } from "../../shared/schemas/loop.ts";
import type { WorkerDeps } from "./deps.ts";
import { readConfig, writeJson } from "./files.ts";
import { paidScored } from "./money.ts";

/** Takes the figures of `<round>.evaluate` with those of `<round>.greedy` beside them, or those of the control. */
export async function evaluate(
  event: unknown,
  deps: Pick<WorkerDeps, "store" | "blobs" | "bench" | "emit">,
): Promise<{ measured: true }> {
  const { runId, round, passId: last } = PassInput.parse(event);
  const config = await readConfig(deps.blobs, runId);
  if (config.evaluate === undefined) throw new Error(`run ${runId} has no evaluate part`);
  const options = measureOptions(config.evaluate, config.seed);
  const bench = await deps.bench(config.evaluate.bench, { runId, blobs: deps.blobs });
  if (parsePassId(last).purpose === "control") {
    await writeJson(deps.blobs, sftControlKey(runId), measure(bench, await paidScored(deps, runId, last), options));
    return { measured: true };
  }
  const passId = `${round}.evaluate`;
  const passes = {
    sampled: await paidScored(deps, runId, passId),
    greedy: await paidScored(deps, runId, `${round}.greedy`),
  };
  const metrics = measureWithGreedy(bench, passes, options);
  await writeJson(deps.blobs, metricsKey(runId, passId), metrics);
  deps.emit({ kind: "metrics", passId, metrics });
  return { measured: true };
}
