import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { BENCHES } from "../../evals/registry.ts";
import { runEvaluation, writeEvaluation } from "../../evals/run.ts";
import { type ExitCode, UserError } from "../errors.ts";
import { openOutput } from "../output.ts";
import { agreementCommand } from "./eval-agreement.ts";
import { compareCommand } from "./eval-compare.ts";
import { fetchCommand } from "./eval-fetch.ts";
import { evaluateRun } from "./eval-run.ts";
import {
  amount,
  answerSource,
  checkGateText,
  type EvalOptions,
  type EvalWorld,
  explained,
  interruptible,
  judgeSource,
  openBench,
} from "./eval-sources.ts";
import { told } from "./eval-told.ts";
import { inFolder, inKnownFolder, wholeNumber, withCommonOptions, withDataOption } from "./shared.ts";

export function evalCommand(): Command {
  const command = new Command("eval")
    .argument("[bench]", BENCHES.map(({ name, summary }) => `${name}: ${summary}`).join("; "))
    .description("measure stored answers, a model or a run's round on benchmarks, with confidence intervals")
    .option("--answers <file>", 'stored answers, a line each: {"itemId": …, "text": …}')
    .option("--model <URL#model>", 'ask this model; "embedded" is the built-in one')
    .option("--model-key-env <name>", "environment variable with the model's key", "OPENAI_API_KEY")
    .option("--run <id>", "measure what this run promoted; results go below runs/<id>/evaluations, beside the base's")
    .option("--round <n>", "with --run: after this round (0: the base; default: the last)", wholeNumber(0))
    .option("--bench <names>", "with --run: benches, separated by commas")
    .option("--no-base", "with --run: do not measure and compare the base model")
    .option(
      "--model-price <in/out>",
      "USD per million tokens, e.g. 0.25/1.5; without it --budget does not hold the model",
    )
    .option("--items <file>", "the bench's items (scenes: a manifest; default: its own pictures)")
    .option("--references <file>", "refomb: the answers to compare with")
    .option("--coco <dir>", "object-halbench: COCO 2014's instances and captions files; read once into an index")
    .addOption(
      new Option(
        "--extraction <how>",
        "object-halbench: who finds the objects of an answer (default: wink, without a judge)",
      ).choices(["wink", "llm", "stored"]),
    )
    .option("--extractions <file>", "object-halbench: stored ones")
    .option("--synonyms <file>", "object-halbench: words of COCO's classes instead of the own table")
    .option("--cache <dir>", 'folder of fetched files, as "eval fetch --to" named it; they are found by themselves')
    .option("--images <dir>", "folder of the bench's pictures; needed where a model is asked")
    .option("--judge <URL#model>", "who judges, where the bench needs a judge")
    .option("--judge-key-env <name>", "environment variable with the judge's key", "OPENAI_API_KEY")
    .option("--judge-price <in/out>", "the same for the judge")
    .option("--replies <file>", "stored judge calls (judge.jsonl): scores without asking anybody")
    .option("--repetitions <n>", "how often every judge call is made", wholeNumber(1), 3)
    .option("--temperature <t>", "of the judge", "0")
    .addOption(
      new Option("--mode <mode>", "parity: the original's arithmetic; strict: missing is missing")
        .choices(["strict", "parity"])
        .default("strict"),
    )
    .option("--out <dir>", "folder of the result (default: evals/<bench> below --data)")
    .option(
      "--gate <expression>",
      'e.g. "response_hallucination < 12% and recall.ci.low >= 0.5"; exit code 6 if it fails',
    )
    .option("--budget <usd>", "most that models and judge may cost", "10")
    .option("--seed <n>", "of the bootstrap, and of the pictures of scenes", wholeNumber(0), 1)
    .option("--count <n>", "pictures of scenes", wholeNumber(1), 120)
    .addHelpText(
      "after",
      "\nExit codes: 0 done (and the gate held), 2 wrong use, 3 budget spent (the same command goes on), 6 the gate failed.",
    );
  for (const subcommand of [compareCommand, agreementCommand, fetchCommand]) {
    command.addCommand(subcommand().exitOverride());
  }
  return withDataOption(withCommonOptions(command)).action(async (bench: string | undefined, options: EvalOptions) => {
    const output = openOutput(options);
    const work = options.run === undefined ? evaluated : evaluatedRun;
    const open = options.run === undefined ? inFolder : inKnownFolder;
    process.exitCode = await open(options.data, (local) => work(bench, options, { local, output })).catch(explained);
  });
}

const evaluatedRun = (bench: string | undefined, options: EvalOptions, world: EvalWorld): Promise<ExitCode> =>
  evaluateRun(bench === undefined ? [] : [bench], options, world);

async function evaluated(bench: string | undefined, options: EvalOptions, world: EvalWorld): Promise<ExitCode> {
  const name = benchGiven(bench, options);
  const { opened, images } = await openBench(name, options, world);
  checkGateText(options.gate, opened);
  const answers = await answerSource(options, { opened, images });
  const judge = await judgeSource(options, { opened, answers });
  const { mode, seed, gate } = options;
  const budgetUsd = amount(options.budget, "--budget");
  const plan = { opened, answers, judge, mode, seed, confidence: 0.95, resamples: 1000, budgetUsd };
  const ran = await interruptible(world, (deps) => runEvaluation(plan, deps));
  for (const warning of ran.warnings) world.output.note(`warning: ${warning}`);
  const folder = resolve(options.out ?? join(world.local.dataDir, "evals", name));
  await writeEvaluation(folder, ran, opened);
  return told({ result: ran.result, folder, spentUsd: ran.spentUsd, gate }, world.output);
}

/** `--round`, `--bench` and `--no-base` say something about runs only. */
function benchGiven(bench: string | undefined, { round, bench: benches }: EvalOptions): string {
  if (round !== undefined || benches !== undefined) {
    throw new UserError("--round and --bench belong to --run", { fix: "add --run ID, or name one bench without them" });
  }
  if (bench !== undefined) return bench;
  throw new UserError("no bench is named", { fix: `name one of: ${BENCHES.map(({ name }) => name).join(", ")}` });
}
