/** What a run tells while it works. */
import type { TrainStep } from "../ports/trainer.ts";
import type { Losses } from "../states/losses.ts";
import type { Usage } from "./chat.ts";
import type { Metrics } from "./metrics.ts";
import type { RoundGate } from "./report.ts";
import type { PassId, RunState, StageName } from "./rows.ts";

export type RunEvent =
  | { kind: "run"; runId: string; state: RunState; reason?: string }
  | { kind: "stage"; passId: PassId; stage: StageName; shards: number; samples: number }
  | { kind: "replies"; passId: PassId; stage: StageName; completed: number; cached: number }
  | {
      kind: "shard";
      passId: PassId;
      stage: StageName;
      shardId: string;
      samples: number;
      parked: number;
      /** Of all its requests; `gpuSeconds` where they were answered on GPUs. */
      usage?: Usage;
      gpuSeconds?: number;
      losses?: Losses;
    }
  | { kind: "paired"; round: number; pairs: number; samples: number }
  | { kind: "training"; round: number; step: TrainStep }
  | { kind: "metrics"; passId: PassId; metrics: Metrics }
  | { kind: "promoted"; round: number; checkpoint: string }
  | { kind: "gate"; round: number; outcome: RoundGate["outcome"]; decision: RoundGate["decision"]; reason: string }
  | { kind: "money"; settledMicros: number; reservedMicros: number; budgetMicros: number };

/** Receives events; must not throw and must return at once. */
export type EventSink = (event: RunEvent) => void;
