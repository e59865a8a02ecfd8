import { resolve } from "node:path";
import { Command } from "commander";
import { type Comparison, ComparisonRefused, compareEvaluations } from "../../../shared/evaluation/compare.ts";
import type { FigureInfo } from "../../../shared/schemas/evaluation.ts";
import { type ResultFolder, readResultFolder, writeComparison } from "../../evals/files.ts";
import { EvaluationError } from "../../evals/problems.ts";
import { EXIT, UserError } from "../errors.ts";
import { openOutput } from "../output.ts";
import { wholeNumber, withCommonOptions } from "./shared.ts";

type CompareOptions = { out?: string; figures?: string[]; commonOnly?: boolean; seed: number; json?: boolean };

export function compareCommand(): Command {
  const command = new Command("compare")
    .argument("<a>", "folder of an evaluation")
    .argument("<b>", "folder of another evaluation of the same items")
    .description(
      "is B better than A? paired differences on the same items, p corrected for all that is compared (Holm)",
    )
    .option("--figures <names...>", "only these; every further figure costs power")
    .option("--common-only", "compare the items that both have an answer to")
    .option("--out <dir>", "folder for comparison.json and comparison.html")
    .option("--seed <n>", "of the bootstrap", wholeNumber(0), 1);
  return withCommonOptions(command).action(async (a: string, b: string) => {
    const options: CompareOptions = command.optsWithGlobals(); // eval takes the options that both know
    const [first, second] = [await opened(a), await opened(b)];
    if (first.result.bench !== second.result.bench || first.result.mode !== second.result.mode) {
      throw new UserError(
        `${a} is ${first.result.bench} (${first.result.mode}), ${b} is ${second.result.bench} (${second.result.mode})`,
        { fix: "compare two evaluations of one bench in one mode", exitCode: EXIT.badData },
      );
    }
    const comparison = compared(() =>
      compareEvaluations(first.scores, second.scores, {
        ...{ confidence: 0.95, resamples: 2000, seed: options.seed, commonOnly: options.commonOnly === true },
        ...(options.figures === undefined ? {} : { figures: options.figures }),
      }),
    );
    if (options.out !== undefined) {
      const { bench, infos } = first.result;
      await writeComparison(resolve(options.out), { bench, infos, comparison, ...namesOf([a, first], [b, second]) });
    }
    openOutput(options).result(comparison, comparisonText(comparison, first.result.infos));
  });
}

type Side = [folder: string, opened: ResultFolder];

/** The models' names where they tell the two apart, else the folders'. */
function namesOf([a, first]: Side, [b, second]: Side): { a: string; b: string } {
  const [one, other] = [first.result.answers.model, second.result.answers.model];
  return one === null || other === null || one === other ? { a, b } : { a: one, b: other };
}

const opened = (folder: string) =>
  readResultFolder(folder).catch((error: unknown) => {
    throw error instanceof EvaluationError ? new UserError(error.message, { fix: error.fix }) : error;
  });

function compared(compare: () => Comparison): Comparison {
  try {
    return compare();
  } catch (error) {
    if (!(error instanceof ComparisonRefused)) throw error;
    throw new UserError(error.message, {
      fix: "evaluate both on the same items, or give --common-only",
      exitCode: EXIT.badData,
    });
  }
}

/** A table with a line for each figure. `sides`: what the two are called. */
export function comparisonText(
  { items, images, leftOut, figures, notes }: Comparison,
  infos: readonly FigureInfo[],
  sides = { a: "A", b: "B" },
): string {
  const rows = Object.entries(figures).map(([name, { a, b, difference, pAdjusted }]) => {
    const better = infos.find((info) => info.name === name)?.better ?? "neither";
    const range = difference.ci === null ? "" : ` [${difference.ci.map((end) => figure(end)).join(", ")}]`;
    const p = pAdjusted === null ? "–" : pAdjusted < 0.001 ? "< 0.001" : pAdjusted.toFixed(3);
    return [name, figure(a), figure(b), `${figure(difference.value)}${range}`, p, better];
  });
  const table = [["figure", sides.a, sides.b, `${sides.b} − ${sides.a} [95 % CI]`, "p (Holm)", "better is"], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
  const aside = leftOut === 0 ? "" : `, ${leftOut} left out`;
  return [...lines, `${items} items of ${images} images${aside}`, ...notes].join("\n");
}

const figure = (value: number | null): string => (value === null ? "–" : value.toFixed(4));
