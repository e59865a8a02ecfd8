/** Binds a config's models to their engines, and tells the stages what those can do. */
import type { BoundModel } from "../../shared/answer.ts";
import type { Target } from "../../shared/schemas/chat.ts";
import type { ModelRef, RunConfig } from "../../shared/schemas/config.ts";
import type { Checkpoint } from "../../shared/schemas/rows.ts";
import type { StageContext } from "../../shared/stages/stage.ts";
import type { WorkerDeps } from "./deps.ts";

export type BoundPass = {
  context: StageContext;
  models: (target: Target) => BoundModel;
  /** The config's entry of a target: what it costs. */
  refs: (target: Target) => ModelRef;
};

export async function bindModels(
  { config, round, checkpoint }: { config: RunConfig; round: number; checkpoint: Checkpoint | undefined },
  bind: WorkerDeps["bind"],
): Promise<BoundPass> {
  const policy = await bind(config.policy, checkpoint);
  const divider = await bind(config.divider, undefined);
  const questioner = await bind(config.questioner, undefined);
  const labelers = await Promise.all(config.labelers.map((labeler) => bind(labeler, undefined)));
  const bound = { policy: [policy], divider: [divider], questioner: [questioner], labeler: labelers };
  const named = {
    policy: [config.policy],
    divider: [config.divider],
    questioner: [config.questioner],
    labeler: config.labelers,
  };
  return {
    context: {
      config,
      round,
      policy: policy.model,
      structuredOutput: { divider: divider.info.structuredOutput, questioner: questioner.info.structuredOutput },
    },
    models: (target) => pick(bound, target),
    refs: (target) => pick(named, target),
  };
}

function pick<T>(byRole: Record<string, readonly T[]>, target: Target): T {
  const [role, index] = target.split("/") as [string, string];
  const found = byRole[role]?.[Number(index)];
  if (found === undefined) throw new Error(`the config has no ${target}`);
  return found;
}
