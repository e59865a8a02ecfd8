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

export type WorstItem = { score: ItemScore; question: string; answer: string; loss: string };

const SHOWN_ITEMS = 12; // our choice: a screen or two

/** The items that stand worst in the bench's first figure with a direction. */
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
      return value === null ? [] : [{ score, value }];
    })
    .sort((a, b) => sign * (a.value - b.value) || (a.score.itemId < b.score.itemId ? -1 : 1))
    .slice(0, SHOWN_ITEMS)
    .map(({ score, value }) => ({
      score,
      question: questionOf.get(score.itemId) ?? "",
      answer: answerOf.get(score.itemId) ?? "",
      loss: `${spaced(leading.name)} ${inUnit(value, unitOf(leading))}`,
    }));
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
