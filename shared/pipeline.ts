/**
 * The table of contents. A sample (an image and a question) walks through the stages in this order; each stage is one
 * file beside this one, and each leaves the sample in a new state.
 *
 *   generate  policy      ten sampled answers                        submitted  → generated
 *   divide    divider     every answer into claims                   generated  → divided
 *   question  questioner  every claim into a yes/no question         divided    → questioned
 *   score     labelers    p(yes) and p(no) for every question        questioned → scored
 *   pair      (no model)  better answers against worse ones          scored     → paired | unpaired
 *   train     trainer     DPO on the round's pairs: checkpoints
 *   evaluate  (metrics)   hallucination, recall, length of a checkpoint's answers
 *   select    (a rule)    the checkpoint that becomes the next round's policy
 *
 * The four model stages are run by `run-shard.ts`, the order of the loop stands in `loop.ts`. A model that answers on GPUs is
 * asked by way of `Elsewhere` (answer.ts): functions/workers/gpu begins its batches and goes on when their answers are there.
 */
import type { StageName } from "./schemas/rows.ts";
import type { Submitted } from "./schemas/sample.ts";
import { divide } from "./stages/divide.ts";
import { generate } from "./stages/generate.ts";
import { question } from "./stages/question.ts";
import { score } from "./stages/score.ts";
import type { ModelStage } from "./stages/stage.ts";

/** The model stages by name, in the order of the data. */
export const MODEL_STAGES = { generate, divide, question, score } as const;

/** Their names, in order. */
export const STAGE_ORDER = ["generate", "divide", "question", "score"] as const satisfies readonly StageName[];

/** A stage whose sample types are known only by its schemas: what the runner works with. */
export function modelStage(name: StageName): ModelStage<Submitted, Submitted> {
  return MODEL_STAGES[name] as unknown as ModelStage<Submitted, Submitted>;
}
