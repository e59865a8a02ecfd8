/** How much a run has to do, told from its plan and its config. */
import { configForPass } from "./passes.ts";
import type { RunSizes } from "./progress.ts";
import type { RunConfig } from "./schemas/config.ts";
import type { RunPlan } from "./schemas/plan.ts";
import type { PassId } from "./schemas/rows.ts";

/** The samples of all rounds, and what the other passes weigh against them: by the answers each asks for. */
export function runSizes(
  { rounds, samples, trains }: Pick<RunPlan, "rounds" | "samples" | "trains">,
  config: RunConfig,
): RunSizes {
  const answers = (passId: PassId) => configForPass(config, passId).generate.candidates;
  const share = (passId: PassId) => answers(passId) / config.generate.candidates;
  const evaluate = config.evaluate;
  const data = config.roundData === "all" ? samples.data * rounds : samples.data;
  if (evaluate === undefined) return { rounds, data, trains, evaluated: 0, share };
  const numbers = Array.from({ length: (trains ? rounds : 0) + 1 }, (_, round) => round);
  const reported = numbers.reduce((sum, round) => sum + share(`${round}.evaluate`) + share(`${round}.greedy`), 0);
  const control = trains && evaluate.sftControl ? share(`${rounds}.control`) : 0;
  const compared = trains ? (1 + rounds * evaluate.checkpoints) * share("1.select-1") : 0;
  const evaluated = samples.evaluation * (reported + control) + samples.selection * compared;
  return { rounds, data, trains, evaluated, share };
}
