/** What all model-backed stages have in common. */
import type { z } from "zod";
import type { ChatReply, ChatRequest } from "../schemas/chat.ts";
import type { RunConfig } from "../schemas/config.ts";
import type { SampleState, StageName } from "../schemas/rows.ts";
import type { Submitted } from "../schemas/sample.ts";
import type { Losses } from "../states/losses.ts";

/** Facts of the pass a sample walks in. `config` is the run's, with the pass's own decoding put in. */
export type StageContext = {
  config: RunConfig;
  round: number;
  /** The policy's name in this pass: part of every candidate's id. */
  policy: string;
  /** What the engines of this run can do. */
  structuredOutput: { divider: boolean; questioner: boolean };
};

/** How a sample leaves a stage. `more` asks further requests; all replies so far come back to `absorb`. */
export type StageResult<Out> =
  | { outcome: "done"; sample: Out; losses: Losses }
  | { outcome: "more"; requests: ChatRequest[] }
  | { outcome: "parked"; reason: string; losses: Losses };

/**
 * One model-backed step of the pipeline. Pure: the same sample gives the same requests, the same replies the same result.
 * `custom_id`s are stable: they are the sample's or candidate's id plus what is asked about it.
 */
export interface ModelStage<In extends Submitted, Out extends Submitted> {
  name: StageName;
  from: SampleState;
  to: SampleState;
  input: z.ZodType<In>;
  output: z.ZodType<Out>;
  /** May be empty: a sample without anything to ask is absorbed at once. */
  ask(sample: In, context: StageContext): ChatRequest[];
  /** `replies` by custom_id, complete for everything asked so far. */
  absorb(sample: In, replies: ReadonlyMap<string, ChatReply>, context: StageContext): StageResult<Out>;
}
