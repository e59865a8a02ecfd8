import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { EvaluationRefused } from "../../../shared/evaluation/evaluate.ts";
import { checkGate, type GateCheck, parseGate } from "../../../shared/evaluation/gate.ts";
import { ModelRef } from "../../../shared/schemas/config.ts";
import type { EvaluationMode, EvaluationResult, JudgeCall } from "../../../shared/schemas/evaluation.ts";
import type { OpenedBench } from "../../evals/bench.ts";
import { REPORT_HTML, readCalls, resultBeside } from "../../evals/files.ts";
import { BudgetSpent, EvaluationError } from "../../evals/problems.ts";
import { BENCHES, benchEntry } from "../../evals/registry.ts";
import { figureRows } from "../../evals/report/shown.ts";
import { type AnswerSource, type JudgeSource, runEvaluation, writeEvaluation } from "../../evals/run.ts";
import type { Local } from "../../runtime/local.ts";
import { EXIT, type ExitCode, UserError } from "../errors.ts";
import { type Output, openOutput } from "../output.ts";
import { agreementCommand } from "./eval-agreement.ts";
import { compareCommand } from "./eval-compare.ts";
import { inFolder, wholeNumber, withCommonOptions, withDataOption } from "./shared.ts";

type EvalOptions = {
  data: string;
  items?: string;
  references?: string;
  images?: string;
  coco?: string;
  extraction?: string;
  extractions?: string;
  synonyms?: string;
  answers?: string;
  model?: string;
  modelKeyEnv: string;
  judge?: string;
  judgeKeyEnv: string;
  replies?: string;
  repetitions: number;
  temperature: string;
  mode: EvaluationMode;
  out?: string;
  gate?: string;
  budget: string;
  seed: number;
  count: number;
  json?: boolean;
};

export function evalCommand(): Command {
  const command = new Command("eval")
    .argument("<bench>", BENCHES.map(({ name, summary }) => `${name}: ${summary}`).join("; "))
    .description("measure stored answers or a model on a benchmark, with confidence intervals")
    .option("--answers <file>", 'stored answers, a line each: {"itemId": …, "text": …}')
    .option("--model <URL#model>", 'ask this model; "embedded" is the built-in one')
    .option("--model-key-env <name>", "environment variable with the model's key", "OPENAI_API_KEY")
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
    .option("--images <dir>", "folder of the bench's pictures; needed where a model is asked")
    .option("--judge <URL#model>", "who judges, where the bench needs a judge")
    .option("--judge-key-env <name>", "environment variable with the judge's key", "OPENAI_API_KEY")
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
  command.addCommand(compareCommand().exitOverride());
  command.addCommand(agreementCommand().exitOverride());
  return withDataOption(withCommonOptions(command)).action(async (bench: string, options: EvalOptions) => {
    const output = openOutput(options);
    process.exitCode = await inFolder(options.data, (local) => evaluated(bench, options, { local, output })).catch(
      explained,
    );
  });
}

/** Problems the user can mend, in the command line's form. */
function explained(error: unknown): never {
  if (error instanceof EvaluationError) throw new UserError(error.message, { fix: error.fix });
  if (error instanceof EvaluationRefused) {
    throw new UserError(error.message, {
      fix: "give answers and judge calls of the same evaluation",
      exitCode: EXIT.badData,
    });
  }
  if (error instanceof BudgetSpent) {
    const fix = "raise --budget and give the same command again: every reply so far is kept";
    throw new UserError(error.message, { fix, exitCode: EXIT.paused });
  }
  throw error;
}

type World = { local: Local; output: Output };

async function evaluated(name: string, options: EvalOptions, { local, output }: World): Promise<ExitCode> {
  const { items, seed, count, images, references, coco, extraction, extractions, synonyms } = options;
  const named = { data: items, images, references, coco, extraction, extractions, synonyms };
  const opened = await benchEntry(name).open({ ...named, seed, count }, local);
  checkGateText(options.gate, opened);
  const stop = new AbortController();
  const onSignal = () => stop.abort(new Error("stopped by hand"));
  process.once("SIGINT", onSignal);
  try {
    const answers = await answerSource(options, opened);
    const ran = await runEvaluation(
      {
        ...{ opened, mode: options.mode, seed, confidence: 0.95, resamples: 1000 },
        answers,
        judge: await judgeSource(options, (path) =>
          opened.readReplies
            ? opened.readReplies(path, answers.kind === "stored" ? answers.answers : [])
            : readCalls(path),
        ),
        budgetUsd: amount(options.budget, "--budget"),
      },
      { ...local, bind: local.models.bind, signal: stop.signal, onProgress: progressOf(output) },
    );
    for (const warning of ran.warnings) output.note(`warning: ${warning}`);
    const folder = resolve(options.out ?? join(local.dataDir, "evals", name));
    await writeEvaluation(folder, ran, opened);
    return told({ result: ran.result, folder, spentUsd: ran.spentUsd, gate: options.gate }, output);
  } finally {
    process.off("SIGINT", onSignal);
  }
}

/** A misspelt gate is told before anything is paid for; numbers of `extra` are known only afterwards. */
function checkGateText(gate: string | undefined, { bench }: OpenedBench): void {
  if (gate === undefined) return;
  const names = [...bench.figures.map((figure) => figure.name), ...Object.keys(bench.extra([], "strict"))];
  const parsed = parseGate(gate, names);
  if (parsed.outcome === "invalid") throw new UserError(parsed.message, { fix: "mend --gate" });
}

async function answerSource(options: EvalOptions, opened: OpenedBench): Promise<AnswerSource> {
  const { answers, model, images, modelKeyEnv } = options;
  if ((answers === undefined) === (model === undefined)) {
    throw new UserError("the answers must come from one place", { fix: "give --answers FILE or --model URL#model" });
  }
  if (model !== undefined) return { kind: "model", ref: modelRef(model, modelKeyEnv), checkpoint: undefined, images };
  const path = answers as string;
  const told = (await resultBeside(path))?.answers ?? { source: "stored answers", model: null, revision: null };
  return { kind: "stored", answers: await opened.readAnswers(path), told };
}

async function judgeSource(
  { judge, replies, repetitions, temperature, judgeKeyEnv }: EvalOptions,
  read: (path: string) => Promise<JudgeCall[]>,
): Promise<JudgeSource> {
  if (judge !== undefined && replies !== undefined) {
    throw new UserError("--judge and --replies exclude each other", { fix: "leave one of them out" });
  }
  if (replies !== undefined) return { kind: "stored", calls: await read(replies) };
  if (judge === undefined) return { kind: "none" };
  return {
    kind: "model",
    ref: modelRef(judge, judgeKeyEnv),
    repetitions,
    temperature: amount(temperature, "--temperature"),
  };
}

function modelRef(text: string, apiKeyEnv: string): ModelRef {
  if (text === "embedded") return ModelRef.parse({ engine: "embedded", model: "embedded/policy" });
  const [, baseUrl, model] = /^(https?:\/\/[^#]+)#(.+)$/.exec(text) ?? [];
  if (baseUrl !== undefined) return ModelRef.parse({ engine: "openai", baseUrl, model, apiKeyEnv });
  throw new UserError(`"${text}" names no model`, {
    fix: 'give "URL#model", e.g. http://127.0.0.1:8000/v1#qwen2.5-vl',
  });
}

function amount(text: string, option: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new UserError(`${option} "${text}" is not a number of at least 0`, { fix: "give e.g. 10" });
}

/** A line each tenth of the way. */
function progressOf(output: Output) {
  let shown = "";
  return (done: number, total: number, what: string): void => {
    const line = `${what}: ${Math.floor((10 * done) / total) * 10} % of ${total}`;
    if (line !== shown) output.note(line);
    shown = line;
  };
}

type Told = { result: EvaluationResult; folder: string; spentUsd: number; gate: string | undefined };

function told({ result, folder, spentUsd, gate }: Told, output: Output): ExitCode {
  const checked = gate === undefined ? undefined : checkGate(gate, result);
  if (checked?.outcome === "invalid") throw new UserError(checked.message, { fix: "mend --gate" });
  const lines = [
    ...figureRows(result).map(([name, value]) => `${name!.padEnd(28)} ${value}`),
    `${result.items} items, ${result.missing} missing, ${spentUsd.toFixed(4)} USD`,
    ...(checked?.checks ?? []).map(checkText),
    join(folder, REPORT_HTML),
  ];
  output.result({ folder, result, spentUsd, ...(checked === undefined ? {} : { gate: checked }) }, lines.join("\n"));
  return checked?.outcome === "failed" ? EXIT.gateFailed : EXIT.ok;
}

const checkText = ({ text, value, holds }: GateCheck): string =>
  `gate ${holds ? "holds" : "fails"}: ${text} (${value === null ? "not measured" : value.toFixed(4)})`;
