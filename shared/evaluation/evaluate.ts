/**
 * The one door from answers and judge calls to the figures of a benchmark. Pure: the same items, answers and calls give
 * the same bytes on every machine and in any order, so that a result can be checked from what is stored beside it.
 */
import type {
  EvaluationAnswer,
  EvaluationMode,
  EvaluationResult,
  FigureInfo,
  ItemScore,
  JudgeCall,
} from "../schemas/evaluation.ts";
import type { Estimate } from "../schemas/metrics.ts";
import { type BootstrapOptions, bootstrap, type Cluster, type Ratio } from "./bootstrap.ts";
import { answerHash, evaluationDigest } from "./digest.ts";
import type { EvaluationBench, EvaluationItem } from "./evaluation.ts";

export type EvaluateOptions = BootstrapOptions & {
  mode: EvaluationMode;
  /** Told in the result; what else decides the numbers. */
  settings: EvaluationResult["settings"];
  /** Told in the result: where the answers come from. */
  answers: EvaluationResult["answers"];
  /** Told beside the bench's own notes: what was lost on the way. */
  notes?: readonly string[];
};

export type EvaluationInputs<Item> = {
  items: readonly Item[];
  answers: readonly EvaluationAnswer[];
  calls: readonly JudgeCall[];
};

export type Evaluated = { result: EvaluationResult; scores: ItemScore[] };

/** Inputs that do not belong together; the message names the item. */
export class EvaluationRefused extends Error {
  override name = "EvaluationRefused";
}

/** Everything about one item, side by side. */
type Row<Item> = { item: Item; answer: EvaluationAnswer; calls: JudgeCall[] };

/**
 * Scores every item and tells the figures with their intervals. Items without an answer are missing: they are counted,
 * and in strict mode they are in no figure.
 * @throws EvaluationRefused for answers and calls of unknown items, two of the same, and calls about another answer
 */
export function evaluate<Item extends EvaluationItem>(
  bench: EvaluationBench<Item>,
  inputs: EvaluationInputs<Item>,
  options: EvaluateOptions,
): Evaluated {
  const rows = rowsOf(inputs);
  const scores = scoresOf(bench, rows, options.mode);
  const figures = figuresOf(scores, bench.figures, options);
  const result: EvaluationResult = {
    schema: "rlaifv-evaluation/1",
    bench: bench.name,
    mode: options.mode,
    settings: options.settings,
    answers: options.answers,
    judge: judgeOf(bench, rows),
    items: rows.length,
    missing: scores.filter(({ missing }) => missing).length,
    infos: [...bench.figures],
    figures,
    groups: groupsOf(scores, bench.figures, options),
    spread: spreadOf(bench, rows, options.mode),
    extra: bench.extra(scores, options.mode),
    notes: [...bench.notes(options.mode), ...(options.notes ?? [])],
    digest: evaluationDigest({
      items: rows.map(({ item }) => item),
      answers: rows.map(({ answer }) => answer),
      calls: rows.flatMap((row) => row.calls),
    }),
  };
  return { result, scores };
}

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function rowsOf<Item extends EvaluationItem>({ items, answers, calls }: EvaluationInputs<Item>): Row<Item>[] {
  const known = oneEach(items, "item");
  const answerOf = oneEach(answers, "answer");
  for (const { itemId } of [...answers, ...calls]) {
    if (!known.has(itemId)) throw new EvaluationRefused(`item ${itemId} is not in this benchmark`);
  }
  const callsOf = Map.groupBy(calls, ({ itemId }) => itemId);
  return [...known.values()]
    .sort((a, b) => byText(a.itemId, b.itemId))
    .map((item) => {
      const answer = answerOf.get(item.itemId) ?? { itemId: item.itemId, text: null };
      return { item, answer, calls: checkedCalls(answer, callsOf.get(item.itemId) ?? []) };
    });
}

function oneEach<T extends { itemId: string }>(things: readonly T[], noun: string): Map<string, T> {
  const byId = new Map<string, T>();
  for (const thing of things) {
    if (byId.has(thing.itemId)) throw new EvaluationRefused(`item ${thing.itemId} has two ${noun}s; keep one`);
    byId.set(thing.itemId, thing);
  }
  return byId;
}

/** In a fixed order, each once, all about this very answer. */
function checkedCalls(answer: EvaluationAnswer, calls: readonly JudgeCall[]): JudgeCall[] {
  const hash = answerHash(answer);
  const seen = new Set<string>();
  for (const call of calls) {
    const name = `${call.kind}, repetition ${call.repetition}`;
    if (call.answerHash !== hash) {
      throw new EvaluationRefused(
        `item ${call.itemId}: the stored judge call (${name}) is about another answer; judge this answer anew`,
      );
    }
    if (seen.has(name)) throw new EvaluationRefused(`item ${call.itemId} has two judge calls (${name}); keep one`);
    seen.add(name);
  }
  return [...calls].sort((a, b) => byText(a.kind, b.kind) || a.repetition - b.repetition);
}

function scoresOf<Item extends EvaluationItem>(
  bench: EvaluationBench<Item>,
  rows: readonly Row<Item>[],
  mode: EvaluationMode,
): ItemScore[] {
  return rows.map(({ item, answer, calls }) => {
    const score = bench.score(item, answer, calls, mode);
    // whatever a bench makes of no answer, it is not to pass for a bad or a good one
    return answer.text === null && mode === "strict" ? { ...score, missing: true, parts: {} } : score;
  });
}

const NOTHING: Ratio = { top: 0, bottom: 0 };

/** Per image the sum over its items, images in the order of their names. */
function clustersOf(scores: readonly ItemScore[], names: readonly string[]): Cluster<string>[] {
  const perImage = [...Map.groupBy(scores, ({ cluster }) => cluster)].sort(([a], [b]) => byText(a, b));
  return perImage.map(([, items]) => Object.fromEntries(names.map((name) => [name, totalOf(items, name)])));
}

function totalOf(scores: readonly ItemScore[], name: string): Ratio {
  let [top, bottom] = [0, 0];
  for (const { parts } of scores) {
    const part = parts[name] ?? NOTHING;
    top += part.top;
    bottom += part.bottom;
  }
  return { top, bottom };
}

function figuresOf(
  scores: readonly ItemScore[],
  infos: readonly FigureInfo[],
  options: BootstrapOptions,
): Record<string, Estimate> {
  const names = infos.map(({ name }) => name);
  const shares = new Set(infos.filter(({ kind }) => kind === "share").map(({ name }) => name));
  return bootstrap(clustersOf(scores, names), names, options, shares);
}

function groupsOf(
  scores: readonly ItemScore[],
  infos: readonly FigureInfo[],
  options: BootstrapOptions,
): EvaluationResult["groups"] {
  const names = [...new Set(scores.flatMap(({ groups }) => groups))].sort(byText);
  return Object.fromEntries(
    names.map((name) => {
      const members = scores.filter(({ groups }) => groups.includes(name));
      return [name, figuresOf(members, infos, options)];
    }),
  );
}

/** Who judged, as the calls themselves tell it: stored calls tell the same as fresh ones. */
function judgeOf<Item extends EvaluationItem>(
  bench: EvaluationBench<Item>,
  rows: readonly Row<Item>[],
): EvaluationResult["judge"] {
  const calls = rows.flatMap((row) => row.calls);
  const [first] = calls;
  if (first === undefined) return null;
  const identity = ({ model, revision, temperature }: JudgeCall) => `${model} (${revision}) at ${temperature}`;
  const other = calls.find((call) => identity(call) !== identity(first));
  if (other !== undefined) {
    throw new EvaluationRefused(
      `the judge calls are of two judges, ${identity(first)} and ${identity(other)} (item ${other.itemId}); score each alone`,
    );
  }
  return {
    model: first.model,
    revision: first.revision,
    temperature: first.temperature,
    repetitions: new Set(calls.map(({ repetition }) => repetition)).size,
    calls: calls.length,
    failed: calls.filter(({ reply }) => reply === null).length,
    unparsable: rows.reduce((sum, { item, calls: own }) => sum + bench.unparsable(item, own), 0),
  };
}

/** Each repetition scored as if it were the only one; a figure that one of them lacks is left out. */
function spreadOf<Item extends EvaluationItem>(
  bench: EvaluationBench<Item>,
  rows: readonly Row<Item>[],
  mode: EvaluationMode,
): Record<string, number> {
  const repetitions = [...new Set(rows.flatMap(({ calls }) => calls.map(({ repetition }) => repetition)))];
  if (repetitions.length < 2) return {};
  const alone = repetitions
    .sort((a, b) => a - b)
    .map((repetition) => {
      const single = rows.map((row) => ({ ...row, calls: row.calls.filter((call) => call.repetition === repetition) }));
      return scoresOf(bench, single, mode);
    });
  const spreads = bench.figures.flatMap(({ name }): [string, number][] => {
    const values = alone.map((scores) => quotient(totalOf(scores, name)));
    return values.every((value) => value !== null) ? [[name, deviation(values)]] : [];
  });
  return Object.fromEntries(spreads);
}

const quotient = ({ top, bottom }: Ratio): number | null => (bottom === 0 ? null : top / bottom);

/** Of a sample: n − 1 below. */
function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}
