/**
 * The alignment loop as one state machine (Amazon States Language, JSONata). The same JSON runs on Step Functions and in
 * process (functions/adapters/asl).
 *
 * A *pass* is one walk of a set of samples through the four model stages: `0.evaluate` (the base model), `<round>.train`,
 * `<round>.select-<step>` (one per compared checkpoint) and `<round>.evaluate`. The stages stand here once, for all passes:
 *
 *     Prepare ─► [0.evaluate] ─► More rounds? ─► <round>.train ─► Pair ─► Train ─► select passes ─► Select ─► <round>.evaluate ─► Evaluate ─┐
 *                                     ▲────────────────────────────────────────────────────────────────────────────────────────────────────┘
 *
 * Resuming is starting again: a new execution with the same `{ runId }`. `prepare` says with which round to begin, `plan`
 * lists only the shards that are not done, and the other workers give back what they made before. A new execution also
 * has a new history: a round takes about 50 events a pass (of the 25,000 an execution may have).
 */
import type { Json } from "./ports/orchestrator.ts";
import { PrepareResult } from "./schemas/loop.ts";
import { StageName } from "./schemas/rows.ts";

/**
 * What any worker throws (as `error.name`) once the run is paused because the budget refused a reservation. `dispatch`
 * only refuses its shard by it; the next worker ends the execution.
 */
export const RUN_PAUSED = "Run.Paused";
/** What a worker throws (as `error.name`) for a failure that a later attempt may not have. */
export const WORKER_RETRYABLE = "Worker.Retryable";
/** How the execution fails when too many shards of one stage failed. */
export const TOO_MANY_SHARDS_FAILED = "Run.TooManyShardsFailed";

export type WorkerName = "prepare" | "plan" | "dispatch" | "pair" | "train" | "select" | "evaluate";

/** Names or ARNs of the workers, the bucket of the manifests, and the limits of a task, in seconds. */
export type LoopRefs = {
  functions: Record<WorkerName, string>;
  bucket: string;
  limits?: Partial<LoopLimits>;
};

export type LoopLimits = {
  shardTimeoutSeconds: number;
  shardHeartbeatSeconds: number;
  trainTimeoutSeconds: number;
  trainHeartbeatSeconds: number;
};

/** A heartbeat must outlast the wait for a GPU, for the clock starts before the queue (cloud.md §D.2). */
export const LOOP_LIMITS: LoopLimits = {
  shardTimeoutSeconds: 6 * 3600, // our choice: 1,000 samples take minutes, a cold GPU queue hours
  shardHeartbeatSeconds: 1800, // our choice: twice the sweeper's patience
  trainTimeoutSeconds: 72 * 3600, // our choice: three Modal calls of 24 h, resumed from checkpoints
  trainHeartbeatSeconds: 3600, // our choice
};

type State = { [field: string]: Json };
export type StateMachine = {
  Comment: string;
  QueryLanguage: "JSONata";
  StartAt: string;
  States: Record<string, State>;
};

const LAMBDA = "arn:aws:states:::lambda:invoke";
const LAMBDA_FAULTS = [
  "Lambda.ServiceException",
  "Lambda.AWSLambdaException",
  "Lambda.SdkClientException",
  "Lambda.TooManyRequestsException",
]; // AWS's advice: these four come and go
const PASS: State = { runId: "{% $runId %}", round: "{% $thisRound %}", passId: "{% $passId %}" };

function retry(errors: string[], intervalSeconds: number): Json[] {
  const schedule = { IntervalSeconds: intervalSeconds, BackoffRate: 2, MaxDelaySeconds: 300, JitterStrategy: "FULL" };
  return [{ ErrorEquals: errors, MaxAttempts: 5, ...schedule }]; // our choice: gives up after about five minutes
}

/** A worker that answers at once. */
function call(functionName: string, payload: Json): State {
  return {
    Type: "Task",
    Resource: LAMBDA,
    Arguments: { FunctionName: functionName, Payload: payload },
    TimeoutSeconds: 900, // AWS Lambda's own limit
    Retry: retry([...LAMBDA_FAULTS, WORKER_RETRYABLE], 2),
    Catch: [{ ErrorEquals: [RUN_PAUSED], Next: "Paused" }],
  };
}

/** A worker that hands the work on; whoever finishes it reports with the token. */
function callAndWait(functionName: string, payload: State, limits: { timeout: number; heartbeat: number }): State {
  return {
    Type: "Task",
    Resource: `${LAMBDA}.waitForTaskToken`,
    Arguments: {
      FunctionName: functionName,
      Payload: {
        ...payload,
        attempt: "{% $states.context.State.RetryCount %}",
        token: "{% $states.context.Task.Token %}",
      },
    },
    TimeoutSeconds: limits.timeout,
    HeartbeatSeconds: limits.heartbeat,
    Retry: retry([...LAMBDA_FAULTS, WORKER_RETRYABLE, "States.Timeout", "States.HeartbeatTimeout"], 5),
  };
}

/** A child of the map: one shard. A paused run refuses shards without counting them as failed; the next worker ends the run. */
function shardMachine(stage: StageName, refs: LoopRefs, limits: LoopLimits): State {
  const fields = ["runId", "round", "passId", "stage", "shardId"];
  const payload = Object.fromEntries(fields.map((field) => [field, `{% $states.input.${field} %}`]));
  const task = callAndWait(refs.functions.dispatch, payload, {
    timeout: limits.shardTimeoutSeconds,
    heartbeat: limits.shardHeartbeatSeconds,
  });
  return {
    ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
    StartAt: `Dispatch ${stage}`,
    States: {
      [`Dispatch ${stage}`]: { ...task, Catch: [{ ErrorEquals: [RUN_PAUSED], Next: `Refused ${stage}` }], End: true },
      [`Refused ${stage}`]: { Type: "Succeed", Output: { outcome: "refused" } },
    },
  };
}

const nameOf = (stage: StageName) => stage[0]!.toUpperCase() + stage.slice(1);

/** Three states: plan the shards, skip the stage when none is left, run them. */
function stageStates(stage: StageName, next: string, refs: LoopRefs, limits: LoopLimits): Record<string, State> {
  const name = nameOf(stage);
  const fields = ["runId", "round", "passId", "stage"];
  return {
    [`Plan ${stage}`]: {
      ...call(refs.functions.plan, { ...PASS, stage }),
      Output: {
        ...PASS,
        stage,
        manifestKey: "{% $states.result.Payload.manifestKey %}",
        shards: "{% $states.result.Payload.shards %}",
      },
      Next: `${name} left?`,
    },
    [`${name} left?`]: {
      Type: "Choice",
      Choices: [{ Condition: "{% $states.input.shards > 0 %}", Next: name }],
      Default: next,
    },
    [name]: {
      Type: "Map",
      Label: name,
      ItemReader: {
        Resource: "arn:aws:states:::s3:getObject",
        ReaderConfig: { InputType: "JSONL" },
        Arguments: { Bucket: refs.bucket, Key: "{% $states.input.manifestKey %}" },
      },
      ItemSelector: {
        ...Object.fromEntries(fields.map((field) => [field, `{% $states.input.${field} %}`])),
        shardId: "{% $states.context.Map.Item.Value.shardId %}",
      },
      MaxConcurrency: "{% $maxConcurrency %}",
      ToleratedFailurePercentage: "{% $toleratedFailurePercent %}",
      ItemProcessor: shardMachine(stage, refs, limits),
      ResultWriter: {
        Resource: "arn:aws:states:::s3:putObject",
        Arguments: { Bucket: refs.bucket, Prefix: `{% 'runs/' & $runId & '/maps/' & $passId & '/${stage}' %}` },
        WriterConfig: { OutputType: "JSONL", Transformation: "COMPACT" },
      },
      Output: {},
      Catch: [{ ErrorEquals: ["States.ExceedToleratedFailureThreshold"], Next: "Too many shards failed" }],
      Next: next,
    },
  };
}

/** The four stages in a row, entered at `Plan generate`. */
function modelStages(next: string, refs: LoopRefs, limits: LoopLimits): Record<string, State> {
  const stages = StageName.options;
  return Object.assign(
    {},
    ...stages.map((stage, at) => {
      const after = stages[at + 1];
      return stageStates(stage, after === undefined ? next : `Plan ${after}`, refs, limits);
    }),
  );
}

function preparation(refs: LoopRefs): Record<string, State> {
  const settings = Object.keys(PrepareResult.shape).filter((field) => field !== "firstRound");
  return {
    Prepare: {
      ...call(refs.functions.prepare, { runId: "{% $states.input.runId %}" }),
      Assign: {
        runId: "{% $states.input.runId %}",
        thisRound: "{% $states.result.Payload.firstRound - 1 %}",
        ...Object.fromEntries(settings.map((field) => [field, `{% $states.result.Payload.${field} %}`])),
      },
      Catch: [
        { ErrorEquals: [RUN_PAUSED], Assign: { runId: "{% $states.input.runId %}", thisRound: 0 }, Next: "Paused" },
      ],
      Output: {},
      Next: "Evaluate the base?",
    },
    "Evaluate the base?": {
      Type: "Choice",
      Choices: [{ Condition: "{% $evaluateBase %}", Assign: { passId: "0.evaluate" }, Next: "Plan generate" }],
      Default: "More rounds?",
    },
    "More rounds?": {
      Type: "Choice",
      Choices: [
        {
          Condition: "{% $thisRound < $rounds %}",
          Assign: { thisRound: "{% $thisRound + 1 %}", passId: "{% $string($thisRound + 1) & '.train' %}" },
          Next: "Plan generate",
        },
      ],
      Default: "Finished",
    },
  };
}

/** What follows a pass, by its kind. */
function afterPass(refs: LoopRefs, limits: LoopLimits): Record<string, State> {
  return {
    "Which pass?": {
      Type: "Choice",
      Choices: [
        { Condition: "{% $contains($passId, '.train') %}", Next: "Pair" },
        { Condition: "{% $contains($passId, '.select-') %}", Next: "More checkpoints?" },
      ],
      Default: "Evaluate",
    },
    Pair: {
      ...call(refs.functions.pair, PASS),
      Output: { pairs: "{% $states.result.Payload.pairs %}" },
      Next: "Anything to train?",
    },
    "Anything to train?": {
      Type: "Choice",
      Choices: [{ Condition: "{% $hasTrainer and $states.input.pairs > 0 %}", Next: "Train" }],
      Default: "More rounds?",
    },
    Train: {
      ...callAndWait(refs.functions.train, PASS, {
        timeout: limits.trainTimeoutSeconds,
        heartbeat: limits.trainHeartbeatSeconds,
      }),
      Assign: { selectPasses: "{% $states.result.selectPasses %}", compared: 0 },
      Output: { trained: "{% $states.result.trained %}" },
      Catch: [{ ErrorEquals: [RUN_PAUSED], Next: "Paused" }],
      Next: "Trained?",
    },
    "Trained?": {
      Type: "Choice",
      Choices: [{ Condition: "{% $states.input.trained %}", Next: "More checkpoints?" }],
      Default: "More rounds?",
    },
    "More checkpoints?": {
      Type: "Choice",
      Choices: [
        {
          Condition: "{% $compared < $count($selectPasses) %}",
          Assign: { passId: "{% $selectPasses[$compared] %}", compared: "{% $compared + 1 %}" },
          Next: "Plan generate",
        },
      ],
      Default: "Select",
    },
    Select: { ...call(refs.functions.select, PASS), Output: {}, Next: "Evaluate this round?" },
    "Evaluate this round?": {
      Type: "Choice",
      Choices: [
        {
          Condition: "{% $hasEvaluation %}",
          Assign: { passId: "{% $string($thisRound) & '.evaluate' %}" },
          Next: "Plan generate",
        },
      ],
      Default: "More rounds?",
    },
    Evaluate: { ...call(refs.functions.evaluate, PASS), Output: {}, Next: "More rounds?" },
  };
}

/** A pause is an ending people chose by their budget, no alarm: it succeeds and says so. */
const ENDINGS: Record<string, State> = {
  Finished: { Type: "Succeed", Output: { runId: "{% $runId %}", status: "finished", round: "{% $thisRound %}" } },
  Paused: { Type: "Succeed", Output: { runId: "{% $runId %}", status: "paused", round: "{% $thisRound %}" } },
  "Too many shards failed": {
    Type: "Fail",
    Error: TOO_MANY_SHARDS_FAILED,
    Cause: "{% 'pass ' & $passId & ': more shards failed than the run tolerates; resume the run to try them again' %}",
  },
};

/** The state machine of a run. Pure data: the same references give the same JSON. */
export function loopDefinition(refs: LoopRefs): StateMachine {
  const limits = { ...LOOP_LIMITS, ...refs.limits };
  return {
    Comment: "RLAIF-V: rounds of generate, divide, question, score, pair, train, select, evaluate",
    QueryLanguage: "JSONata",
    StartAt: "Prepare",
    States: {
      ...preparation(refs),
      ...modelStages("Which pass?", refs, limits),
      ...afterPass(refs, limits),
      ...ENDINGS,
    },
  };
}
