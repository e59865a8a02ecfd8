/** Promotes a checkpoint: the best by the rule on the selection split, or the last one where there is no such split. */
import { compare, measure, measureOptions } from "../../shared/evaluation/measure.ts";
import { type Compared, selectCheckpoint, spreadOut } from "../../shared/evaluation/select.ts";
import { selectionTests, type TestedCheckpoint } from "../../shared/evaluation/select-tests.ts";
import { selectionKey, trainingKey } from "../../shared/keys.ts";
import { selectPassId } from "../../shared/passes.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import { PassInput } from "../../shared/schemas/loop.ts";
import type { Selection } from "../../shared/schemas/report.ts";
import { RoundSelection, Training } from "../../shared/schemas/rounds.ts";
import type { Checkpoint } from "../../shared/schemas/rows.ts";
import type { WorkerDeps } from "./deps.ts";
import { readConfig, readJson, writeJson } from "./files.ts";
import { paidScored } from "./money.ts";

type SelectDeps = Pick<WorkerDeps, "store" | "blobs" | "bench" | "emit">;

export async function select(event: unknown, deps: SelectDeps): Promise<{ checkpoint: string | null }> {
  const { runId, round } = PassInput.parse(event);
  const config = await readConfig(deps.blobs, runId);
  const training = await readJson(deps.blobs, trainingKey(runId, round), Training);
  if (training?.outcome !== "trained")
    throw new Error(`round ${round} of run ${runId} made no checkpoint to select from`);
  const selection = await decide({ runId, round, config, checkpoints: training.checkpoints }, deps);
  const chosen = selection.outcome === "selected" ? selection.checkpoint : undefined;
  const checkpoint = training.checkpoints.find(({ id }) => id === chosen) ?? null;
  await writeJson(deps.blobs, selectionKey(runId, round), RoundSelection.parse({ checkpoint, selection }));
  deps.emit({ kind: "promoted", round, checkpoint: checkpoint?.id ?? "nothing: the round's starting policy stays" });
  return { checkpoint: checkpoint?.id ?? null };
}

type Round = { runId: string; round: number; config: RunConfig; checkpoints: Checkpoint[] };

async function decide({ runId, round, config, checkpoints }: Round, deps: SelectDeps): Promise<Selection> {
  const last = checkpoints.at(-1) as Checkpoint;
  const evaluate = config.evaluate;
  if (evaluate?.selection === undefined) {
    return {
      outcome: "selected",
      checkpoint: last.id,
      reason: "the last checkpoint: the run has no selection split",
      considered: [],
    };
  }
  const bench = await deps.bench(evaluate.bench, { runId, blobs: deps.blobs });
  const options = measureOptions(evaluate, config.seed);
  const base = await paidScored(deps, runId, selectPassId(0, 0));
  const start = measure(bench, base, options);
  const [compared, tested]: [Compared[], TestedCheckpoint[]] = [[], []];
  for (const { id, step } of spreadOut(checkpoints, evaluate.checkpoints)) {
    const aligned = await paidScored(deps, runId, selectPassId(round, step));
    compared.push({ checkpoint: id, step, metrics: measure(bench, aligned, options) });
    tested.push({ checkpoint: id, comparison: compare(bench, { base, aligned }, options) });
  }
  const selection = selectCheckpoint(compared, start, { gate: evaluate.gate });
  return { ...selection, tests: selectionTests(tested, start.images) };
}
