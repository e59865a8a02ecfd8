/** `rlaifv eval --run`: what a round of a run promoted, on several benches, beside the base model. */
import { join } from "node:path";
import { type Comparison, compareEvaluations } from "../../../shared/evaluation/compare.ts";
import { checkGate, type GateOutcome } from "../../../shared/evaluation/gate.ts";
import type { BenchName, EvaluationResult } from "../../../shared/schemas/evaluation.ts";
import type { OpenedBench } from "../../evals/bench.ts";
import { REPORT_HTML, writeComparison } from "../../evals/files.ts";
import { askingRound, ownAnswers, type RoundModel, roundFolder, roundModel } from "../../evals/of-run.ts";
import { benchEntry } from "../../evals/registry.ts";
import { type AnswerSource, type RanEvaluation, runEvaluation, writeEvaluation } from "../../evals/run.ts";
import { EXIT, type ExitCode, UserError } from "../errors.ts";
import { comparisonText } from "./eval-compare.ts";
import {
  amount,
  checkGateText,
  type EvalOptions,
  type EvalWorld,
  interruptible,
  judgeSource,
  openBench,
} from "./eval-sources.ts";
import { gateLines } from "./eval-told.ts";
import { findRun } from "./shared.ts";

/** Excluded beside --run: the run says who answers, and the folder follows from it. */
const ELSEWHERE = ["answers", "model", "out", "replies"] as const;

type Evaluated = { folder: string; ran: RanEvaluation };
type BenchTold = {
  bench: BenchName;
  folder: string;
  result: EvaluationResult;
  spentUsd: number;
  comparison: Comparison | undefined;
  gate: GateOutcome | undefined;
};

export async function evaluateRun(
  benches: readonly string[],
  options: EvalOptions,
  world: EvalWorld,
): Promise<ExitCode> {
  const { local, output } = world;
  for (const name of ELSEWHERE) {
    if (options[name] !== undefined)
      throw new UserError(`--run and --${name} exclude each other`, { fix: "leave one of them out" });
  }
  const names = benchNames(benches, options);
  const model = await roundModel(await findRun(options.run, local), options.round, local);
  const purse = { leftUsd: amount(options.budget, "--budget") };
  const gates = gatesFor(options.gate, names);
  const prepared: Prepared[] = [];
  for (const bench of names) {
    const one = await openedFor(bench, { model, options, purse }, world);
    checkGateText(gates.get(bench), one.opened); // all of them before anything is paid for
    prepared.push({ bench, gate: gates.get(bench), ...one });
  }
  const told: BenchTold[] = [];
  for (const one of prepared) told.push(await evaluateBench(one, { model, options, purse }, world));
  output.result(
    { runId: model.runId, round: model.round, checkpoint: model.checkpoint?.id ?? null, benches: told },
    told.map((one) => benchText(one, model)).join("\n\n"),
  );
  return told.some(({ gate }) => gate?.outcome === "failed") ? EXIT.gateFailed : EXIT.ok;
}

function benchNames(benches: readonly string[], { bench, items, extractions }: EvalOptions): BenchName[] {
  const names = [...benches, ...(bench ?? "").split(",")].map((name) => name.trim()).filter((name) => name !== "");
  if (names.length === 0) throw new UserError("no bench is named", { fix: "give e.g. --bench scenes,object-halbench" });
  if (names.length > 1 && (items ?? extractions) !== undefined) {
    throw new UserError("--items and --extractions belong to one bench, and several are named", {
      fix: "give one command for each, or fetch the benches' files: they are found by themselves",
    });
  }
  return [...new Set(names)].map((name) => benchEntry(name).name);
}

/** `recall > 0.5` holds for all benches; `scenes: recall > 0.9; amber: hal < 20%` says for which. */
function gatesFor(text: string | undefined, names: readonly BenchName[]): Map<BenchName, string> {
  const gates = new Map<BenchName, string>();
  for (const part of text?.split(";") ?? []) {
    const [, name, expression] = /^\s*([a-z-]+)\s*:(.*)$/s.exec(part) ?? [];
    if (name === undefined) for (const bench of names) gates.set(bench, part);
    else if (names.includes(name as BenchName)) gates.set(name as BenchName, expression as string);
    else
      throw new UserError(`--gate names ${name}, which is not evaluated`, { fix: `name one of: ${names.join(", ")}` });
  }
  return gates;
}

type Subject = { model: RoundModel; options: EvalOptions; purse: { leftUsd: number } };
type Opened = { opened: OpenedBench; answers: AnswerSource };
type Prepared = Opened & { bench: BenchName; gate: string | undefined };

async function evaluateBench(
  { bench, gate: expression, ...opened }: Prepared,
  subject: Subject,
  world: EvalWorld,
): Promise<BenchTold> {
  const { model, options } = subject;
  const evaluated = await evaluateRound(bench, { ...subject, ...opened }, world);
  const { folder, ran } = evaluated;
  const gate = expression === undefined ? undefined : checkGate(expression, ran.result);
  if (gate?.outcome === "invalid") throw new UserError(gate.message, { fix: "mend --gate" });
  const told = { bench, folder, result: ran.result, spentUsd: ran.spentUsd, comparison: undefined, gate };
  if (model.round === 0 || !options.base) return told;
  const base = { ...subject, model: { ...model, round: 0, checkpoint: undefined } };
  const ofBase = await evaluateRound(bench, { ...base, ...(await openedFor(bench, base, world)) }, world);
  return { ...told, comparison: await compared(ofBase, evaluated, { bench, round: model.round, seed: options.seed }) };
}

async function evaluateRound(bench: BenchName, subject: Subject & Opened, world: EvalWorld): Promise<Evaluated> {
  const { model, options, purse, opened, answers } = subject;
  const judge = await judgeSource(options, { opened, answers });
  const { mode, seed } = options;
  const plan = { opened, answers, judge, mode, seed, confidence: 0.95, resamples: 1000, budgetUsd: purse.leftUsd };
  const ran = await interruptible(world, (deps) => runEvaluation(plan, deps));
  purse.leftUsd = Math.max(0, purse.leftUsd - ran.spentUsd);
  for (const warning of ran.warnings) world.output.note(`warning: ${warning}`);
  const folder = roundFolder(world.local.dataDir, model, bench);
  await writeEvaluation(folder, ran, opened);
  return { folder, ran };
}

/** The run's own answers where it has them, else its model. */
async function openedFor(bench: BenchName, { model, options }: Subject, world: EvalWorld): Promise<Opened> {
  const own = options.items === undefined ? await ownAnswers(bench, model, world.local) : undefined;
  if (own !== undefined) return own;
  const { opened, images } = await openBench(bench, options, world);
  return { opened, answers: askingRound(model, images) };
}

/** Items that one of the two lacks are left out, and told. */
async function compared(
  base: Evaluated,
  after: Evaluated,
  { bench, round, seed }: { bench: BenchName; round: number; seed: number },
): Promise<Comparison> {
  const comparison = compareEvaluations(base.ran.scores, after.ran.scores, {
    ...{ confidence: 0.95, resamples: 2000, seed, commonOnly: true },
  });
  const { infos } = after.ran.result;
  await writeComparison(after.folder, { bench, infos, a: "base", b: `round ${round}`, comparison });
  return comparison;
}

function benchText(
  { bench, folder, result, spentUsd, comparison, gate }: BenchTold,
  { round, checkpoint }: RoundModel,
): string {
  const who = checkpoint === undefined ? "the base model" : checkpoint.id;
  const figures =
    comparison === undefined ? [] : [comparisonText(comparison, result.infos, { a: "base", b: `round ${round}` })];
  return [
    `${bench}: ${who}, ${result.items} items, ${result.missing} missing, ${spentUsd.toFixed(4)} USD`,
    ...figures,
    ...gateLines(gate),
    join(folder, REPORT_HTML),
  ].join("\n");
}
