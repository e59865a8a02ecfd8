/** Which checkpoint a round promotes. Applied on a split of its own, never on the one that is reported. */
import type { Estimate, MetricSet } from "../schemas/metrics.ts";
import type { Considered, Selection } from "../schemas/report.ts";
import { checkRunGate, gateText } from "./run-gate.ts";

/** How far a checkpoint may fall behind the base model before the gate refuses it. */
export type SelectTolerance = {
  /** Recall, absolute. */
  recall: number;
  /** Words per answer, as a share of the start's. */
  words: number;
  /** Malformed and duplicate sentences, absolute, each. */
  malformed: number;
};

// our choice, loose. Words: a guard against collapse only. A bound of 5 % refused the first round of five demos in a row, whose
// answers had lost 5 to 9 % with their inventions; later rounds fill the room
const SELECT_TOLERANCE: SelectTolerance = { recall: 0.03, words: 0.25, malformed: 0.02 };

export type Compared = { checkpoint: string; step: number; metrics: MetricSet };

type Bound = "floor" | "ceiling";

/** What is wrong with one figure, or nothing. A figure that one side lacks cannot be held against it. */
function broken(bound: Bound, name: string, now: Estimate, limit: number | null): string[] {
  if (now.value === null || limit === null) return [];
  const breaks = bound === "floor" ? now.value < limit : now.value > limit;
  if (!breaks) return [];
  return [`${name} ${round(now.value)} is ${bound === "floor" ? "below" : "above"} ${round(limit)}`];
}

const round = (value: number) => Number(value.toFixed(4));
const plus = (estimate: Estimate, change: number) => (estimate.value === null ? null : estimate.value + change);

function faults(now: MetricSet, start: MetricSet | undefined, tolerance: SelectTolerance): string[] {
  if (start === undefined) return [];
  const words = start.words.value === null ? null : start.words.value * (1 - tolerance.words);
  return [
    ...broken("floor", "recall", now.recall, plus(start.recall, -tolerance.recall)),
    ...broken("floor", "words", now.words, words),
    ...broken("ceiling", "malformed", now.malformed, plus(start.malformed, tolerance.malformed)),
    ...broken("ceiling", "duplicates", now.duplicates, plus(start.duplicates, tolerance.malformed)),
  ];
}

type Rule = { tolerance: SelectTolerance; gate: string | undefined };

/** What the run's own gate says against the checkpoint, or nothing. */
function failed(gate: string | undefined, metrics: MetricSet): string[] {
  if (gate === undefined) return [];
  const { passed, checks } = checkRunGate(gate, metrics);
  return passed ? [] : [`evaluate.gate fails (${gateText(checks)})`];
}

function consider(compared: Compared, start: MetricSet | undefined, { tolerance, gate }: Rule): Considered {
  const found = [...faults(compared.metrics, start, tolerance), ...failed(gate, compared.metrics)];
  const { response_hallucination, recall, words } = compared.metrics;
  const reason = found.length === 0 ? "recall, words and form hold" : found.join("; ");
  return {
    checkpoint: compared.checkpoint,
    step: compared.step,
    passed: found.length === 0,
    reason,
    response_hallucination,
    recall,
    words,
  };
}

const measured = (value: number | null) => value ?? Number.POSITIVE_INFINITY;

/** < 0 if `a` goes first: less hallucination, then more recall, then trained longer. */
function byRule(a: Considered, b: Considered): number {
  const [first, second] = [measured(a.response_hallucination.value), measured(b.response_hallucination.value)];
  if (first !== second) return first - second;
  return (b.recall.value ?? 0) - (a.recall.value ?? 0) || b.step - a.step;
}

/** `count` of the checkpoints at even distances, the last one always: two of eight are the ends of both epochs. */
export function spreadOut<T>(checkpoints: readonly T[], count: number): T[] {
  if (checkpoints.length <= count) return [...checkpoints];
  return Array.from(
    { length: count },
    (_, at) => checkpoints[Math.ceil(((at + 1) * checkpoints.length) / count) - 1] as T,
  );
}

/**
 * The declared rule: the lowest response hallucination among the checkpoints whose recall, words and form hold against the
 * start and whose figures pass the run's gate, where it has one.
 * @param start figures of the base model on the same split: rounds that lose a little each must not add up; `undefined` holds nothing against it
 */
export function selectCheckpoint(
  compared: readonly Compared[],
  start: MetricSet | undefined,
  { tolerance = SELECT_TOLERANCE, gate }: Partial<Rule> = {},
): Selection {
  const considered = compared.map((item) => consider(item, start, { tolerance, gate }));
  const [best] = considered.filter(({ passed }) => passed).sort(byRule);
  if (best === undefined) {
    const reason =
      considered.length === 0
        ? "there was no checkpoint to compare"
        : `no checkpoint kept recall, words and form${gate === undefined ? "" : " and passed evaluate.gate"}`;
    return { outcome: "kept", reason, considered };
  }
  return { outcome: "selected", checkpoint: best.checkpoint, reason: reasonOf(best, considered), considered };
}

function reasonOf(best: Considered, considered: readonly Considered[]): string {
  const refused = considered.filter(({ passed }) => !passed).length;
  const aside = refused === 0 ? "" : `; ${refused} refused by the gate`;
  const value = best.response_hallucination.value;
  if (value === null) return `the last checkpoint: nothing to compare by${aside}`;
  return `lowest response hallucination (${round(value)}) of ${considered.length - refused}${aside}`;
}
