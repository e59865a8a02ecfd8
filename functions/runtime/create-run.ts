import { runAccount } from "../../shared/budget/accounts.ts";
import { toMicros } from "../../shared/budget/prices.ts";
import { benchWordsKey, configKey, planKey, samplesKey } from "../../shared/keys.ts";
import { writeJson } from "../workers/files.ts";
import type { PlannedRun } from "./plan-run.ts";
import type { World } from "./world.ts";

/** Stores the run's inputs; a run that is there already is left as it is. */
export async function createRun(
  { plan, config, parts, benchWords }: PlannedRun,
  world: World,
  state: "queued" | "running" = "running",
): Promise<{ outcome: "written" | "already_there" }> {
  const { runId } = plan;
  if ((await world.store.runs.get(runId)) !== undefined) return { outcome: "already_there" };
  for (const part of ["data", "selection", "evaluation"] as const) {
    await world.blobs.write(
      samplesKey(runId, part),
      parts[part].map((sample) => `${JSON.stringify(sample)}\n`).join(""),
    );
  }
  if (benchWords !== undefined) await writeJson(world.blobs, benchWordsKey(runId), benchWords);
  await writeJson(world.blobs, configKey(runId), config);
  await writeJson(world.blobs, planKey(runId), plan);
  await world.store.ledger.open(runAccount(runId), toMicros(config.budgetUsd));
  const now = world.clock.now();
  return world.store.runs.create({
    runId,
    name: config.name,
    state,
    version: 0,
    createdAt: now,
    updatedAt: now,
    workedMs: 0,
    configKey: configKey(runId),
    round: 0,
    rounds: config.rounds,
  });
}
