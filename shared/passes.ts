/** A pass is one walk of a set of samples through the model stages, with one policy. */
import type { RunConfig } from "./schemas/config.ts";
import type { PassId } from "./schemas/rows.ts";

export type Pass = { round: number; purpose: "train" | "select" | "evaluate" | "greedy" | "control"; step?: number };

/** `2.select-56` → round 2, purpose select, step 56. Throws a RangeError for anything else than a pass id. */
export function parsePassId(passId: PassId): Pass {
  const [, round, purpose, step] = /^(\d+)\.(train|select|evaluate|greedy|control)(?:-(\d+))?$/.exec(passId) ?? [];
  if (round === undefined || purpose === undefined) throw new RangeError(`not a pass id: ${passId}`);
  return {
    round: Number(round),
    purpose: purpose as Pass["purpose"],
    ...(step === undefined ? {} : { step: Number(step) }),
  };
}

/** The run's config with the decoding of one pass put in. */
export function configForPass(config: RunConfig, passId: PassId): RunConfig {
  const { round, purpose } = parsePassId(passId);
  const evaluate = config.evaluate;
  if (purpose === "train" || evaluate === undefined) return config;
  if (purpose === "greedy") return { ...config, generate: { ...config.generate, candidates: 1, temperature: 0 } };
  const compared = round === 0 || round === config.rounds;
  const candidates =
    purpose === "evaluate" && compared ? Math.max(evaluate.candidates, evaluate.bestOf) : evaluate.candidates;
  return { ...config, generate: { ...config.generate, candidates } };
}

/** The pass that compares the checkpoint of one step; `0.select-0` is the base model. */
export const selectPassId = (round: number, step: number): PassId => `${round}.select-${step}`;
