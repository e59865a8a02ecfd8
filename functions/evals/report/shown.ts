/** What both forms of the report show. */
import type { EvaluationItem } from "../../../shared/evaluation/evaluation.ts";
import type { EvaluationAnswer, EvaluationResult, FigureInfo, ItemScore } from "../../../shared/schemas/evaluation.ts";
import type { Estimate } from "../../../shared/schemas/metrics.ts";
import { count, DASH, decimal, inUnit, spaced, type Unit, withInterval } from "../../report/format.ts";

export type ShownEvaluation = {
  result: EvaluationResult;
  scores: readonly ItemScore[];
  answers: readonly EvaluationAnswer[];
  items: readonly EvaluationItem[];
};

export const unitOf = ({ kind }: FigureInfo): Unit => (kind === "share" ? "percent" : "number");

const BETTER = { lower: "lower is better", higher: "higher is better", neither: "told beside" } as const;

/** Name, value with interval, denominator, spread over repetitions, meaning. */
export function figureRows({ infos, figures, spread }: EvaluationResult): string[][] {
  return infos.map((info) => {
    const { name, better, meaning } = info;
    const figure = figures[name]!;
    const deviation = spread[name] === undefined ? DASH : inUnit(spread[name], unitOf(info));
    return [spaced(name), withInterval(figure, unitOf(info)), count(figure.n), deviation, BETTER[better], meaning];
  });
}

export const FIGURE_HEAD = ["figure", "value and interval", "n", "spread", "reading", "meaning"];

/** One row a group, one column a figure. */
export function groupRows({ infos, groups }: EvaluationResult): string[][] {
  return Object.entries(groups).map(([group, figures]) => [
    group,
    ...infos.map((info) => withInterval(figures[info.name] ?? NOT_MEASURED, unitOf(info))),
  ]);
}

const NOT_MEASURED: Estimate = { value: null, ci: null, n: 0 };

/** Numbers that are no Σ/Σ over items. */
export const extraRows = ({ extra }: EvaluationResult): string[][] =>
  Object.entries(extra).map(([name, value]) => [spaced(name), decimal(value, 4)]);

/** `madeUp`: objects that the answer names and the picture lacks, where the bench tells them. */
export type WorstItem = { score: ItemScore; question: string; answer: string; loss: string; madeUp: string[] };

const SHOWN_ITEMS = 12; // our choice: a screen or two

/** The items that lose most in the bench's first figure with a direction; none that lose nothing. */
export function worstItems({ result, scores, answers, items }: ShownEvaluation): WorstItem[] {
  const leading = result.infos.find(({ better }) => better !== "neither");
  if (leading === undefined) return [];
  const sign = leading.better === "lower" ? -1 : 1;
  const valueOfItem = ({ parts }: ItemScore) => {
    const part = parts[leading.name];
    return part === undefined || part.bottom === 0 ? null : part.top / part.bottom;
  };
  const answerOf = new Map(answers.map(({ itemId, text }) => [itemId, text ?? ""]));
  const questionOf = new Map(items.map(({ itemId, question }) => [itemId, question]));
  return scores
    .flatMap((score) => {
      const value = valueOfItem(score);
      return value === null || isBest(leading, value) ? [] : [{ score, value }];
    })
    .sort((a, b) => sign * (a.value - b.value) || (a.score.itemId < b.score.itemId ? -1 : 1))
    .slice(0, SHOWN_ITEMS)
    .map(({ score, value }) => ({
      score,
      question: questionOf.get(score.itemId) ?? "",
      answer: answerOf.get(score.itemId) ?? "",
      loss: `${spaced(leading.name)} ${inUnit(value, unitOf(leading))}`,
      madeUp: madeUpIn(score.detail),
    }));
}

const isBest = ({ better, kind }: FigureInfo, value: number) =>
  better === "lower" ? value === 0 : kind === "share" && value === 1;

/** `hallucinated` of the answer, or of its readings; as words or as mentions. */
function madeUpIn(detail: ItemScore["detail"]): string[] {
  const readings = Array.isArray(detail["readings"]) ? (detail["readings"] as Record<string, unknown>[]) : [detail];
  const found = readings.flatMap((reading) => {
    const list = reading["hallucinated"];
    return Array.isArray(list) ? (list as (string | { word: string })[]) : [];
  });
  return [...new Set(found.map((one) => (typeof one === "string" ? one : one.word)))];
}

/** The sentence under the title. */
export function leadText({ items, missing, judge, infos, figures }: EvaluationResult): string {
  const answered = missing === 0 ? "all answered" : `${count(missing)} without a usable answer, which are in no figure`;
  const judged = judge === null ? "no judge" : `judged by ${judge.model}, ${judge.repetitions} times each`;
  const leading = infos.find(({ better }) => better !== "neither");
  const first = leading === undefined ? [] : [`${spaced(leading.name)} ${withInterval(figures[leading.name]!, unitOf(leading))}`]; // biome-ignore format: one thought
  return [...first, `${count(items)} items, ${answered}`, judged].join("; ");
}

/** Who answered, who judged, how it can be checked. */
export function factRows({ answers, judge, mode, settings, items, missing, digest }: EvaluationResult): string[][] {
  return [
    ["answers", [answers.source, answers.model, answers.revision].filter((part) => part !== null).join(", ")],
    ["items", `${count(items)}, of which ${count(missing)} are missing and in no figure of strict mode`],
    ["mode", mode],
    ...(judge === null ? [["judge", "none"]] : judgeRows(judge)),
    ...Object.entries(settings).map(([name, value]) => [name, String(value)]),
    ["digest of the inputs", digest],
  ];
}

function judgeRows(judge: NonNullable<EvaluationResult["judge"]>): string[][] {
  const { model, revision, temperature, repetitions, calls, failed, unparsable } = judge;
  return [
    ["judge", `${model} (${revision}), temperature ${temperature}, repetitions ${repetitions}`],
    ["judge calls", `${count(calls)}, failed ${count(failed)}, unusable ${count(unparsable)}`],
  ];
}
