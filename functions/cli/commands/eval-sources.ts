/** What the options of `rlaifv eval` name: items, answers and judges. */
import { EvaluationRefused } from "../../../shared/evaluation/evaluate.ts";
import { parseGate } from "../../../shared/evaluation/gate.ts";
import { ModelRef } from "../../../shared/schemas/config.ts";
import type { BenchName, EvaluationMode } from "../../../shared/schemas/evaluation.ts";
import type { BenchOptions, OpenedBench } from "../../evals/bench.ts";
import { cacheFolder } from "../../evals/fetch/cache.ts";
import { withFetched } from "../../evals/fetch/defaults.ts";
import { readCalls, resultBeside } from "../../evals/files.ts";
import { isHalbenchResult } from "../../evals/object-halbench/load.ts";
import { BudgetSpent, EvaluationError } from "../../evals/problems.ts";
import { benchEntry } from "../../evals/registry.ts";
import type { AnswerSource, EvaluationDeps, JudgeSource } from "../../evals/run.ts";
import type { Local } from "../../runtime/local.ts";
import { EXIT, UserError } from "../errors.ts";
import type { Output } from "../output.ts";

export type EvalOptions = {
  data: string;
  run?: string;
  round?: number;
  bench?: string;
  base: boolean;
  items?: string;
  references?: string;
  images?: string;
  coco?: string;
  cache?: string;
  extraction?: string;
  extractions?: string;
  synonyms?: string;
  answers?: string;
  model?: string;
  modelKeyEnv: string;
  modelPrice?: string;
  judgePrice?: string;
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

export type EvalWorld = { local: Local; output: Output };

export type Opened = { opened: OpenedBench; images: string | undefined };

/** The bench over what the options name, completed by what was fetched. */
export async function openBench(name: string, options: EvalOptions, { local }: EvalWorld): Promise<Opened> {
  const entry = benchEntry(name);
  const { items, images, references, coco, extraction, extractions, synonyms, seed, count } = options;
  const given: BenchOptions = { data: items, images, references, coco, extraction, extractions, synonyms, seed, count };
  const named = await withFetched(entry.name, given, cacheFolder(options.cache, process.env));
  const data = await itemsOf(entry.name, named.data, options);
  return { opened: await entry.open({ ...named, data }, local), images: named.images };
}

/** Object HalBench's answers repeat their questions, and a result of RLAIF-V's script has everything in itself. */
async function itemsOf(
  bench: BenchName,
  data: string | undefined,
  { items, answers }: EvalOptions,
): Promise<string | undefined> {
  if (bench !== "object-halbench" || answers === undefined || items !== undefined) return data;
  return (await isHalbenchResult(answers)) ? answers : (data ?? answers);
}

/** A misspelt gate is told before anything is paid for; numbers of `extra` are known only afterwards. */
export function checkGateText(gate: string | undefined, { bench }: OpenedBench): void {
  if (gate === undefined) return;
  const names = [...bench.figures.map((figure) => figure.name), ...Object.keys(bench.extra([], "strict"))];
  const parsed = parseGate(gate, names);
  if (parsed.outcome === "invalid") throw new UserError(parsed.message, { fix: "mend --gate" });
}

export async function answerSource(options: EvalOptions, { opened, images }: Opened): Promise<AnswerSource> {
  const { answers, model, modelKeyEnv, modelPrice } = options;
  if ((answers === undefined) === (model === undefined)) {
    throw new UserError("the answers must come from one place", { fix: "give --answers FILE or --model URL#model" });
  }
  if (model !== undefined) {
    const ref = modelRef(model, modelKeyEnv, priceOf(modelPrice, "--model-price"));
    return { kind: "model", ref, checkpoint: undefined, images };
  }
  const path = answers as string;
  const told = (await resultBeside(path))?.answers ?? { source: "stored answers", model: null, revision: null };
  return { kind: "stored", answers: await opened.readAnswers(path), told };
}

export async function judgeSource(
  { judge, replies, repetitions, temperature, judgeKeyEnv, judgePrice }: EvalOptions,
  { opened, answers }: { opened: OpenedBench; answers: AnswerSource },
): Promise<JudgeSource> {
  if (judge !== undefined && replies !== undefined) {
    throw new UserError("--judge and --replies exclude each other", { fix: "leave one of them out" });
  }
  if (replies !== undefined) {
    const about = answers.kind === "stored" ? answers.answers : [];
    return { kind: "stored", calls: await (opened.readReplies?.(replies, about) ?? readCalls(replies)) };
  }
  if (judge === undefined) return { kind: "none" };
  return {
    kind: "model",
    ref: modelRef(judge, judgeKeyEnv, priceOf(judgePrice, "--judge-price")),
    repetitions,
    temperature: amount(temperature, "--temperature"),
  };
}

function modelRef(text: string, apiKeyEnv: string, price: ModelRef["price"]): ModelRef {
  if (text === "embedded") return ModelRef.parse({ engine: "embedded", model: "embedded/policy" });
  const [, baseUrl, model] = /^(https?:\/\/[^#]+)#(.+)$/.exec(text) ?? [];
  if (baseUrl !== undefined) return ModelRef.parse({ engine: "openai", baseUrl, model, apiKeyEnv, price });
  throw new UserError(`"${text}" names no model`, {
    fix: 'give "URL#model", e.g. http://127.0.0.1:8000/v1#qwen2.5-vl',
  });
}

/** `0.25/1.5`: USD per million tokens read and written. Undefined: the model costs nothing, as far as the budget knows. */
function priceOf(text: string | undefined, option: string): ModelRef["price"] {
  if (text === undefined) return undefined;
  const [input = "", output = "", more] = text.split("/");
  if (more !== undefined || output === "") {
    throw new UserError(`${option} "${text}" is no price`, { fix: "give USD per million tokens, e.g. 0.25/1.5" });
  }
  return { input: amount(input, option), output: amount(output, option) };
}

export function amount(text: string, option: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new UserError(`${option} "${text}" is not a number of at least 0`, { fix: "give e.g. 10" });
}

/** Does the work with what an evaluation needs; Ctrl-C ends it, with everything answered so far kept. */
export async function interruptible<T>(
  { local, output }: EvalWorld,
  work: (deps: EvaluationDeps) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const onSignal = () => stop.abort(new Error("stopped by hand"));
  process.once("SIGINT", onSignal);
  const bind: EvaluationDeps["bind"] = async (ref, checkpoint) => {
    const free = ref.engine === "openai" && ref.price === undefined;
    if (free) output.note(`warning: ${ref.model} has no price, so that --budget does not hold it; give it with --model-price or --judge-price`); // biome-ignore format: one sentence
    return local.models.bind(ref, checkpoint);
  };
  try {
    return await work({ ...local, bind, signal: stop.signal, onProgress: progressOf(output) });
  } finally {
    process.off("SIGINT", onSignal);
  }
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

/** Problems the user can mend, in the command line's form. */
export function explained(error: unknown): never {
  if (error instanceof EvaluationError) throw new UserError(error.message, { fix: error.fix });
  if (error instanceof EvaluationRefused) {
    throw new UserError(error.message, {
      fix: "give answers and judge calls of the same evaluation",
      exitCode: EXIT.badData,
    });
  }
  if (error instanceof BudgetSpent) {
    const fix = "give the same command again, with more --budget: every reply so far is kept";
    throw new UserError(error.message, { fix, exitCode: EXIT.paused });
  }
  throw error;
}
