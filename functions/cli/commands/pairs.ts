import { Command, Option } from "commander";
import { type PairsSummary, pairsFromFiles } from "../../rlaifv-files/pairs.ts";
import { UserError } from "../errors.ts";
import { openOutput } from "../output.ts";
import { wholeNumber, withCommonOptions } from "./shared.ts";

type PairsOptions = {
  answers: string;
  labels: string;
  out: string;
  minGap: number;
  perQuestion: string;
  balance?: boolean;
  mode: "parity" | "strict";
  seed: number;
  json?: boolean;
};

export function pairsCommand(): Command {
  const command = new Command("pairs")
    .description("make preference pairs from RLAIF-V's own intermediate files")
    .requiredOption("--answers <file>", "answers with claims and questions: ….gq.jsonl")
    .requiredOption("--labels <file>", "judged claims: autocheck…, JSON array or JSONL")
    .requiredOption("--out <file>", "where the pair records go, JSONL")
    .option("--min-gap <n>", "least difference of the scores", wholeNumber(1), 1)
    .option("--per-question <n|all>", "most pairs kept for one question", "2")
    .option("--balance", "drop pairs with a much shorter chosen answer until mean lengths match")
    .addOption(
      new Option("--mode <mode>", "parity does exactly what RLAIF-V does")
        .choices(["parity", "strict"])
        .default("parity"),
    )
    .option("--seed <n>", "of the draw of --per-question", wholeNumber(0), 1);
  return withCommonOptions(command).action(async ({ json, perQuestion, ...options }: PairsOptions) => {
    const cap = perQuestion === "all" ? ("all" as const) : wholeNumber(1)(perQuestion);
    const summary = await pairsFromFiles({ ...options, perQuestion: cap }).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") {
        throw new UserError(error.message, { fix: "give the paths of files that are there" });
      }
      throw error;
    });
    openOutput(json === true ? { json } : {}).result(summary, summaryText(summary, options.out));
  });
}

function summaryText(summary: PairsSummary, out: string): string {
  const words =
    summary.meanChosenWords === null
      ? ""
      : `, mean words ${summary.meanChosenWords.toFixed(1)} chosen and ${summary.meanRejectedWords?.toFixed(1)} rejected`;
  const dropped = [...Object.entries(summary.droppedAnswers), ...Object.entries(summary.droppedPairs)].filter(
    ([, count]) => count > 0,
  );
  return [
    `${summary.answers} answers, ${summary.judgedClaims} judged claims, ${summary.validPairs} valid pairs`,
    ...dropped.map(([reason, count]) => `  left out, ${reason}: ${count}`),
    ...(summary.badRecords === 0
      ? []
      : [
          `${summary.badRecords} records could not be used:`,
          ...summary.issues.map((issue) => `  ${JSON.stringify(issue)}`),
        ]),
    `${summary.pairs} pairs in ${out}${words}`,
  ].join("\n");
}
