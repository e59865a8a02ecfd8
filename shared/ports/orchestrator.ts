/** Whatever JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [field: string]: Json };

export type ExecutionStatus = "RUNNING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED";

/** One run of the state machine. Times: milliseconds since 1970 UTC. */
export type Execution = {
  id: string;
  name: string;
  status: ExecutionStatus;
  input: Json;
  /** States entered and not left yet, without those inside a distributed map; empty once it has ended. */
  currentStates: string[];
  startedAt: number;
  stoppedAt?: number;
  /** Only with SUCCEEDED. */
  output?: Json;
  /** Only with FAILED, TIMED_OUT and ABORTED. */
  error?: { error: string; cause: string };
};

/** `id` counts from 1 without gaps; `type` is Step Functions' name, e.g. `TaskStateEntered`. */
export type HistoryEvent = { id: number; at: number; type: string; state?: string; details?: Json };

/** How a `waitForTaskToken` task goes on. A heartbeat only says that it still works. */
export type TaskReport =
  | { kind: "success"; output: Json }
  | { kind: "failure"; error: string; cause?: string }
  | { kind: "heartbeat" };

/** Starts, stops and reports the loop (shared/loop.ts). Payloads carry ids; each is at most 256 KiB of JSON. */
export interface Orchestrator {
  /**
   * Starts once per name: the same name with the same input while it runs is the same execution. `name_taken`: the name
   * belongs to an execution that has ended or has another input; nothing was started.
   */
  start(run: { name: string; input: Json }): Promise<{ outcome: "started" | "name_taken"; executionId: string }>;
  /** `undefined` for an id that was never started. */
  describe(executionId: string): Promise<Execution | undefined>;
  /** Ends a running execution as ABORTED; its tokens are void from then on. */
  stop(executionId: string, reason: string): Promise<{ outcome: "stopped" | "already_ended" | "unknown_execution" }>;
  /** Oldest first, from the event after `after` (0: from the first); at most `limit` ≤ 1000. Empty for an unknown id. */
  history(executionId: string, page: { after: number; limit: number }): Promise<HistoryEvent[]>;
  /**
   * Reports on the task that holds `token`. `not_waiting`: nobody waits for it (any more): unknown, reported before, timed
   * out, or its execution ended; the report changes nothing. `too_large`: the output is above 256 KiB, the task still waits.
   */
  complete(token: string, report: TaskReport): Promise<{ outcome: "accepted" | "not_waiting" | "too_large" }>;
}

/** What an orchestrator over Step Functions can do beside. */
export interface Redrive {
  /**
   * Goes on with an execution that FAILED, TIMED_OUT or was ABORTED in the last 14 days: from the states, branches and map
   * items that did not succeed, with their inputs, retries counted anew; what succeeded is kept. An error that was caught
   * is no longer there to go on from. `not_redrivable` says why.
   */
  redrive(
    executionId: string,
  ): Promise<{ outcome: "redriven" | "unknown_execution" } | { outcome: "not_redrivable"; reason: string }>;
}
