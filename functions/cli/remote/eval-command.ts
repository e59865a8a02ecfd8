/** `rlaifv --server URL eval BENCH`: a service measures, this command waits and shows. */
import { setTimeout as pause } from "node:timers/promises";
import { Command } from "commander";
import { BenchName, EvaluationResult } from "../../../shared/schemas/evaluation.ts";
import type { EvaluationDetail } from "../../api/contract/evals.ts";
import { jsonOf } from "../../client/client.ts";
import { readAnswers } from "../../evals/files.ts";
import { figureRows } from "../../evals/report/shown.ts";
import { wholeNumber, withCommonOptions } from "../commands/shared.ts";
import { EXIT, type ExitCode, UserError } from "../errors.ts";
import { type Output, openOutput } from "../output.ts";
import { getJson, type Remote } from "./server.ts";

type EvalOptions = {
  answers?: string;
  model?: string;
  run?: string;
  round: number;
  items?: string;
  judge?: string;
  repetitions: number;
  mode: "strict" | "parity";
  gate?: string;
  budget: string;
  seed: number;
  count: number;
  json?: boolean;
};

export function evalCommand(remote: Remote): Command {
  const command = new Command("eval")
    .argument("<bench>", BenchName.options.join(", "))
    .description("let the service measure stored answers, a served model or a run's round")
    .option("--answers <file>", 'stored answers, a line each: {"itemId": …, "text": …}')
    .option("--model <id>", '"rlaifv --server URL models" lists them')
    .option("--run <id>", "what a round of this run promoted")
    .option("--round <n>", "0 is the base model", wholeNumber(0), 0)
    .option("--items <manifest>", "id of a manifest whose rows are the items")
    .option("--judge <model>", "one of the models that the service's configs name")
    .option("--repetitions <n>", "how often every judge call is made", wholeNumber(1), 3)
    .option("--mode <mode>", "strict or parity", "strict")
    .option("--gate <expression>", "exit code 6 if it fails")
    .option("--budget <usd>", "most that it may cost", "1")
    .option("--seed <n>", "of the bootstrap, and of the pictures of scenes", wholeNumber(0), 1)
    .option("--count <n>", "pictures of scenes", wholeNumber(1), 120);
  return withCommonOptions(command).action(async (bench: string, options: EvalOptions) => {
    const output = openOutput(options);
    const json = { bench: benchOf(bench), ...(await bodyOf(options)) };
    const { id } = await jsonOf(remote.client.api.v1.evals.$post({ json, header: {} }));
    process.exitCode = await told(await rested(id, remote, output), remote, output);
  });
}

function benchOf(name: string): BenchName {
  const bench = BenchName.safeParse(name);
  if (bench.success) return bench.data;
  throw new UserError(`there is no bench "${name}"`, { fix: `choose one of: ${BenchName.options.join(", ")}` });
}

async function bodyOf({ answers, model, run, round, items, judge, gate, budget, ...rest }: EvalOptions) {
  const { repetitions, mode, seed, count } = rest;
  return {
    ...{ mode, seed, count, budget_usd: Number(budget) },
    ...(answers === undefined ? {} : { answers: await readAnswers(answers) }),
    ...(model === undefined ? {} : { model }),
    ...(run === undefined ? {} : { run: { id: run, round } }),
    ...(items === undefined ? {} : { items: { manifest_id: items } }),
    ...(judge === undefined ? {} : { judge: { model: judge, repetitions } }),
    ...(gate === undefined ? {} : { gate }),
  };
}

const LOOK_EVERY_MS = 500; // our choice

/** Waits until nothing is done any more. Ctrl-C leaves it alone: it goes on over there. */
async function rested(id: string, { client }: Remote, output: Output): Promise<EvaluationDetail> {
  for (let shown = ""; ; await pause(LOOK_EVERY_MS)) {
    const evaluation = await jsonOf(client.api.v1.evals[":id"].$get({ param: { id } }));
    if (evaluation.state !== "queued" && evaluation.state !== "running") return evaluation;
    const { progress, state } = evaluation;
    const line =
      progress === null ? `${id}: ${state}` : `${id}: ${progress.what}, ${progress.done} of ${progress.total}`;
    if (line !== shown) output.note(line);
    shown = line;
  }
}

async function told(evaluation: EvaluationDetail, remote: Remote, output: Output): Promise<ExitCode> {
  const { id, state, reason, gate, budget } = evaluation;
  if (state !== "finished") {
    output.result({ evaluation: id, state, reason }, `The evaluation is ${state}: ${reason ?? ""}`);
    return state === "paused" ? EXIT.paused : EXIT.failed;
  }
  const result = EvaluationResult.parse(await getJson(remote, `/v1/evals/${id}/report?format=json`));
  const page = `${remote.url}/v1/evals/${id}/report?format=html`;
  const lines = [
    ...figureRows(result).map(([name, value]) => `${name!.padEnd(28)} ${value}`),
    `${result.items} items, ${result.missing} missing, ${budget.settled_usd.toFixed(4)} USD`,
    ...(gate?.checks ?? []).map(
      ({ text, value, holds }) => `gate ${holds ? "holds" : "fails"}: ${text} (${value ?? "not measured"})`,
    ),
    page,
  ];
  output.result({ evaluation: id, state, result, gate, report: page }, lines.join("\n"));
  return gate === null || gate.outcome === "passed" ? EXIT.ok : EXIT.gateFailed;
}
