import { Command } from "commander";
import { type Agreement, type AgreementFigure, measureAgreement } from "../../../shared/evaluation/agreement.ts";
import type { Estimate } from "../../../shared/schemas/metrics.ts";
import { badLabelText, type Labels, NoUsableLabels, readLabels } from "../../evals/agreement.ts";
import { EvaluationError } from "../../evals/problems.ts";
import { count, decimal, percent, plural, probability } from "../../report/format.ts";
import { EXIT, UserError } from "../errors.ts";
import { openOutput } from "../output.ts";
import { wholeNumber, withCommonOptions } from "./shared.ts";

type AgreementOptions = { labels: string; seed: number; confidence: number; json?: boolean };

export function agreementCommand(): Command {
  const command = new Command("agreement")
    .description("check a judge or labeler against labels of people or ground truth, with confidence intervals")
    .requiredOption(
      "--labels <file>",
      'a claim a line: {"itemId": …, "image": …, "truth": true, "verdict": "accepted", "p_yes": 0.9, "p_no": 0.1}',
    )
    .option("--confidence <share>", "of the intervals", confidence, 0.95)
    .option("--seed <n>", "of the bootstrap", wholeNumber(0), 1)
    .addHelpText("after", "\nLines that cannot be used are told and left out; exit code 4 if none can be used.");
  return withCommonOptions(command).action(async (_: unknown, given: Command) => {
    const options = given.optsWithGlobals<AgreementOptions>(); // "eval" takes --json and --seed before they come here
    const output = openOutput(options);
    const labels = await usableLabels(options.labels);
    for (const warning of warningsOf(labels, options.labels)) output.note(`warning: ${warning}`);
    const agreement = measureAgreement(labels.rows, { ...options, resamples: RESAMPLES });
    const { problems, withoutImage } = labels;
    output.result({ ...agreement, problems, withoutImage }, agreementText(agreement, options.confidence));
  });
}

const RESAMPLES = 1000; // as in the other evaluations

function confidence(text: string): number {
  const value = Number(text);
  if (value > 0 && value < 1) return value;
  throw new UserError(`--confidence "${text}" is not between 0 and 1`, { fix: "give e.g. 0.95" });
}

const usableLabels = (path: string): Promise<Labels> =>
  readLabels(path).catch((error: unknown) => {
    if (!(error instanceof EvaluationError)) throw error;
    const exitCode = error instanceof NoUsableLabels ? EXIT.badData : EXIT.usage;
    throw new UserError(error.message, { fix: error.fix, exitCode });
  });

const TOLD = 20; // our choice: a screen; --json has all

function warningsOf({ problems, withoutImage }: Labels, path: string): string[] {
  const told = problems.slice(0, TOLD).map((problem) => `${path}, ${badLabelText(problem)}`);
  const more = problems.length > TOLD ? [`${problems.length - TOLD} more lines are left out; --json tells all`] : [];
  const alone =
    withoutImage === 0
      ? []
      : [
          `${plural(withoutImage, "claim")} without "image": each counts as a picture of its own, and where several share one the intervals are too narrow`,
        ];
  return [...told, ...more, ...alone];
}

const SHARES: readonly (readonly [AgreementFigure, string])[] = [
  ["accuracy", "accuracy"],
  ["rejected_precision", "precision of rejected"],
  ["rejected_recall", "recall of rejected"],
  ["rejected_f1", "F1 of rejected"],
  ["specificity", "specificity (true accepted)"],
  ["abstentions", "abstentions"],
];
const NUMBERS: readonly (readonly [AgreementFigure, string])[] = [
  ["kappa", "Cohen's kappa"],
  ["brier", "Brier score"],
  ["calibration_error", "calibration error"],
];

function agreementText({ claims, images, confusion, figures, curve }: Agreement, confidence: number): string {
  const { falseRejected, falseAccepted, trueRejected, trueAccepted } = confusion;
  const table = [
    ["figure", "value", `${Number((100 * confidence).toFixed(3))} % interval`, "n"],
    ...SHARES.map(([name, label]) => figureRow(label, figures[name], (value) => percent(value))),
    ...NUMBERS.map(([name, label]) => figureRow(label, figures[name], (value) => decimal(value, 3))),
  ];
  const verdicts = [
    ["", "rejected", "accepted"],
    ["claim is false", count(falseRejected), count(falseAccepted)],
    ["claim is true", count(trueRejected), count(trueAccepted)],
  ];
  return [
    `${plural(claims, "claim")} of ${plural(images, "image")}; abstentions are in no other figure of verdicts`,
    ...["", ...aligned(table), "", ...aligned(verdicts), "", ...curveLines(curve)],
  ].join("\n");
}

function figureRow(label: string, { value, ci, n }: Estimate, shown: (value: number) => string): string[] {
  if (value === null) return [label, "–", "", "0"];
  return [label, shown(value), ci === null ? "" : `[${ci.map(shown).join(", ")}]`, count(n)];
}

const WIDTH = 40; // our choice: fits 80 columns

/** A bar as long as the share that is true; the mark stands where it would end if p(yes) were right. */
function curveLines(curve: Agreement["curve"]): string[] {
  if (curve.length === 0) return ["no calibration: no claim has p_yes and p_no"];
  const rows = curve.map(({ said, observed }) => {
    const filled = Math.round((observed.value ?? 0) * WIDTH);
    const mark = Math.min(WIDTH - 1, Math.floor(said * WIDTH));
    const bar = Array.from({ length: WIDTH }, (_, at) => (at === mark ? "|" : at < filled ? "█" : "·")).join("");
    const range = observed.ci === null ? "" : `[${observed.ci.map(probability).join(", ")}]`;
    return [probability(said), probability(observed.value), range, count(observed.n), bar];
  });
  return [
    "calibration: bar = share that is true, | = p(yes) said",
    ...aligned([["p(yes)", "true", "interval", "n", ""], ...rows]),
  ];
}

function aligned(table: readonly string[][]): string[] {
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
}
