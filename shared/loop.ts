/**
 * The alignment loop as one state machine (Amazon States Language, JSONata). The same JSON runs on Step Functions and in
 * process (functions/adapters/asl).
 *
 * A *pass* is one walk of a set of samples through the four model stages: `<round>.train`, `<round>.select-<step>` (one
 * per compared checkpoint), `<round>.evaluate` and `<round>.greedy`; round 0 is the base model. The stages stand here once,
 * for all passes; those that follow each other wait in `$queue`:
 *
 *     Prepare ─► [base passes ─► Evaluate] ─► Gate ─► More rounds? ─► train pass ─► Pair ─► Train ─► select passes ─► Select ─► reported passes ─► Evaluate ─┐
 *                                              ▲───────────────────────────────────────────────────────────────────────────────────────────────────────┘
 *
 * `Gate` stands before every round, the first of an execution too: a run whose gate said stop before it was cut off stops
 * again instead of beginning the next round.
 * Resuming is starting again: a new execution with the same `{ runId }`. `prepare` says with which round to begin, `plan`
 * lists only the shards that are not done, and the other workers give back what they made before. A new execution also
 * has a new history: a round takes about 50 events a pass (of the 25,000 an execution may have).
 */
import {
  call,
  callAndWait,
  LOOP_LIMITS,
  type LoopLimits,
  type LoopRefs,
  modelStages,
  PASS,
  type State,
} from "./loop-stages.ts";
import { PrepareResult, RUN_PAUSED, TOO_MANY_SHARDS_FAILED } from "./schemas/loop.ts";

export type StateMachine = {
  Comment: string;
  QueryLanguage: "JSONata";
  StartAt: string;
  States: Record<string, State>;
};

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
      Choices: [
        {
          Condition: "{% $count($basePasses) > 0 %}",
          Assign: { queue: "{% $basePasses %}", next: 0 },
          Next: "More passes?",
        },
      ],
      Default: "Gate",
    },
    Gate: {
      ...call(refs.functions.gate, { runId: "{% $runId %}", round: "{% $thisRound %}" }),
      Output: "{% $states.result.Payload %}",
      Next: "More rounds?",
    },
    "More rounds?": {
      Type: "Choice",
      Choices: [
        { Condition: "{% $states.input.outcome = 'stop' %}", Next: "Stopped at the gate" },
        {
          Condition: "{% $thisRound < $rounds %}",
          Assign: { thisRound: "{% $thisRound + 1 %}", passId: "{% $string($thisRound + 1) & '.train' %}" },
          Next: "Plan generate",
        },
      ],
      Default: "Control left?",
    },
    "Control left?": {
      Type: "Choice",
      Choices: [
        {
          Condition: "{% $hasControl %}",
          Assign: { hasControl: false, passId: "{% $string($rounds) & '.control' %}" },
          Next: "Train control",
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
      Choices: [{ Condition: "{% $contains($passId, '.train') %}", Next: "Pair" }],
      Default: "More passes?",
    },
    "More passes?": {
      Type: "Choice",
      Choices: [
        {
          Condition: "{% $next < $count($queue) %}",
          Assign: { passId: "{% $queue[$next] %}", next: "{% $next + 1 %}" },
          Next: "Plan generate",
        },
        { Condition: "{% $contains($passId, '.greedy') or $contains($passId, '.control') %}", Next: "Evaluate" },
      ],
      Default: "Select",
    },
    Pair: {
      ...call(refs.functions.pair, PASS),
      Output: { pairs: "{% $states.result.Payload.pairs %}" },
      Next: "Anything to train?",
    },
    "Anything to train?": {
      Type: "Choice",
      Choices: [{ Condition: "{% $hasTrainer and $states.input.pairs > 0 %}", Next: "Train" }],
      Default: "Gate",
    },
    Train: {
      ...callAndWait(refs.functions.train, PASS, {
        timeout: limits.trainTimeoutSeconds,
        heartbeat: limits.trainHeartbeatSeconds,
      }),
      Assign: { queue: "{% $states.result.selectPasses %}", next: 0 },
      Output: { trained: "{% $states.result.trained %}" },
      Catch: [{ ErrorEquals: [RUN_PAUSED], Next: "Paused" }],
      Next: "Trained?",
    },
    "Train control": {
      ...callAndWait(refs.functions.train, PASS, {
        timeout: limits.trainTimeoutSeconds,
        heartbeat: limits.trainHeartbeatSeconds,
      }),
      Assign: { queue: "{% $states.result.trained ? [$passId] : [] %}", next: 0 },
      Output: { trained: "{% $states.result.trained %}" },
      Catch: [{ ErrorEquals: [RUN_PAUSED], Next: "Paused" }],
      Next: "Control trained?",
    },
    "Control trained?": {
      Type: "Choice",
      Choices: [{ Condition: "{% $states.input.trained %}", Next: "More passes?" }],
      Default: "Finished",
    },
    "Trained?": {
      Type: "Choice",
      Choices: [{ Condition: "{% $states.input.trained %}", Next: "More passes?" }],
      Default: "Gate",
    },
    Select: { ...call(refs.functions.select, PASS), Output: {}, Next: "Evaluate this round?" },
    "Evaluate this round?": {
      Type: "Choice",
      Choices: [
        {
          Condition: "{% $hasEvaluation %}",
          Assign: { queue: "{% [$string($thisRound) & '.evaluate', $string($thisRound) & '.greedy'] %}", next: 0 },
          Next: "More passes?",
        },
      ],
      Default: "Gate",
    },
    Evaluate: { ...call(refs.functions.evaluate, PASS), Output: {}, Next: "Gate" },
  };
}

/** A pause is an ending people chose by their budget, and a stop one they chose by their gate: no alarm, they succeed and say so. */
const ENDINGS: Record<string, State> = {
  Finished: { Type: "Succeed", Output: { runId: "{% $runId %}", status: "finished", round: "{% $thisRound %}" } },
  "Stopped at the gate": {
    Type: "Succeed",
    Output: {
      runId: "{% $runId %}",
      status: "finished",
      round: "{% $thisRound %}",
      reason: "{% $states.input.reason %}",
    },
  },
  Paused: { Type: "Succeed", Output: { runId: "{% $runId %}", status: "paused", round: "{% $thisRound %}" } },
  "Too many shards failed": {
    Type: "Fail",
    Error: TOO_MANY_SHARDS_FAILED,
    Cause: "{% 'pass ' & $passId & ': ' & $states.input.Cause & '; resume the run to try the failed shards again' %}",
  },
};

/** The state machine of a run. Pure data: the same references give the same JSON. */
export function loopDefinition(refs: LoopRefs): StateMachine {
  const limits = { ...LOOP_LIMITS, ...refs.limits };
  return {
    Comment: "RLAIF-V: rounds of generate, divide, question, score, pair, train, select, evaluate, gate",
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
