/** The result of a run as plain text: one line per round. */
import type { Estimate, Metrics } from "../../shared/schemas/metrics.ts";
import type { Report, RoundReport } from "../../shared/schemas/report.ts";
import { count, DASH, decimal, duration, inUnit, percent, type Unit, withInterval } from "./format.ts";

type Line = { name: string; metrics: Metrics | null; round: RoundReport | null };
/** `intervals`: whether figures come with their confidence intervals. */
type Column = { title: string; cell: (line: Line, intervals: boolean) => string };

function figure(estimate: Estimate | undefined, unit: Unit, intervals: boolean): string {
  if (estimate === undefined) return DASH;
  return intervals ? withInterval(estimate, unit) : inUnit(estimate.value, unit);
}

function rewardAccuracy({ round }: Line): string {
  return percent(round?.training?.outcome === "trained" ? round.training.reward_accuracy : null);
}

const COLUMNS: readonly Column[] = [
  { title: "round", cell: ({ name }) => name },
  { title: "pairs", cell: ({ round }) => (round === null ? DASH : count(round.pairs)) },
  {
    title: "response hall.",
    cell: ({ metrics }, intervals) => figure(metrics?.response_hallucination, "percent", intervals),
  },
  {
    title: "mention hall.",
    cell: ({ metrics }, intervals) => figure(metrics?.mention_hallucination, "percent", intervals),
  },
  { title: "recall", cell: ({ metrics }) => figure(metrics?.recall, "percent", false) },
  { title: "words", cell: ({ metrics }) => decimal(metrics?.words.value ?? null) },
  { title: "labeler", cell: ({ metrics }) => figure(metrics?.labeler_agreement, "percent", false) },
  { title: "reward acc.", cell: rewardAccuracy },
  { title: "time", cell: ({ round }) => (round === null ? DASH : duration(round.seconds)) },
];

function linesOf({ base, rounds }: Report): Line[] {
  const first: Line[] = base === null ? [] : [{ name: "base", metrics: base, round: null }];
  return [...first, ...rounds.map((round) => ({ name: String(round.round), metrics: round.metrics, round }))];
}

/** A terminal breaks words at narrow spaces of its own accord; plain ones keep columns straight everywhere. */
const plain = (text: string) => text.replaceAll("\u202f", " ");

function rowsOf(lines: readonly Line[], intervals: boolean): string[][] {
  const cells = lines.map((line) => COLUMNS.map(({ cell }) => plain(cell(line, intervals))));
  return [COLUMNS.map(({ title }) => title), ...cells];
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => [...row[column]!].length)));
  const text = rows.map((row) => row.map((cell, column) => cell.padStart(widths[column]!)).join("  "));
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  return [text[0]!, rule, ...text.slice(1)];
}

/** For a narrow terminal: each round as a list of figures. */
function stacked(rows: readonly (readonly string[])[]): string[] {
  const [titles, ...rounds] = rows;
  const width = Math.max(...titles!.map((title) => title.length));
  return rounds
    .flatMap((row) => [...row.map((cell, column) => `${titles![column]!.padEnd(width)}  ${cell}`), ""])
    .slice(0, -1);
}

/**
 * The table a run ends with, no wider than `width` columns: with confidence intervals where they fit, then without,
 * then as a list. No colours, no final line end.
 */
export function resultTable(report: Report, width: number): string {
  const lines = linesOf(report);
  if (lines.length === 0) return "No round was finished.";
  const wide = aligned(rowsOf(lines, true));
  if (fits(wide, width)) return [...wide, legend(report)].join("\n");
  const narrow = aligned(rowsOf(lines, false));
  return (fits(narrow, width) ? narrow : stacked(rowsOf(lines, true))).join("\n");
}

const fits = (lines: readonly string[], width: number) => lines.every((line) => [...line].length <= width);

function legend({ config }: Report): string {
  return `hall.: hallucination [${plain(percent(config.evaluate?.confidence ?? 0.95, 0))} CI]; labeler: agreement with truth`;
}
