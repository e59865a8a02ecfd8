import { Command } from "commander";
import pc from "picocolors";
import type { ScoredCandidate } from "../../../shared/schemas/sample.ts";
import { answeredSample, localWalk, scoreAnswers } from "../../trust/walk.ts";
import { openOutput } from "../output.ts";
import { askedModels, inFolder, readImage, withCommonOptions, withDataOption } from "./shared.ts";

type ScoreOptions = { data: string; image: string; question: string; answer: string; config?: string; json?: boolean };

export function scoreCommand(): Command {
  const command = new Command("score")
    .description("check an answer about an image claim by claim")
    .requiredOption("--image <file>", "JPEG, PNG or WebP")
    .requiredOption("--answer <text>", "the answer to check")
    .option("--question <text>", "the question it answers", "Describe the picture.")
    .option("--config <file>", "whose divider, questioner and labelers to use (default: the embedded engine's)");
  return withDataOption(withCommonOptions(command)).action(async (options: ScoreOptions) => {
    await inFolder(options.data, async (local) => {
      const models = await askedModels(options, local);
      const image = await readImage(options.image, models, local);
      const answers = [{ text: options.answer, finishReason: "stop" }];
      const sample = answeredSample({ image: image.image, question: options.question, answers });
      const scored = await scoreAnswers(sample, models, localWalk(local, AbortSignal.timeout(600_000)));
      const [candidate] = scored.candidates;
      for (const warning of image.warnings) openOutput(options).note(`warning: ${warning}`);
      openOutput(options).result(candidate, claimsText(candidate!));
    });
  });
}

const MARK = {
  accepted: pc.green("✓ accepted "),
  rejected: pc.red("✗ rejected "),
  abstained: pc.yellow("? abstained"),
};

/** One line a claim, then the score. */
export function claimsText({ claims, score, unusable }: ScoredCandidate): string {
  const lines = claims.map(
    ({ text, verdict, labels }) =>
      `${MARK[verdict]}  ${labels.map((label) => `p(yes) ${label?.pYes.toFixed(3) ?? "n/a"}`).join(", ")}  ${text}`,
  );
  const ending =
    score === null
      ? `no score: ${unusable ?? "nothing could be judged"}`
      : `score ${score}: ${-score} of ${claims.length} claims rejected`;
  return [...lines, ending].join("\n");
}
