/** One evaluation from its answers or its model to the folder with everything needed to check it. */
import { join } from "node:path";
import type { BoundModel } from "../../shared/answer.ts";
import { toMicros } from "../../shared/budget/prices.ts";
import { type Evaluated, evaluate } from "../../shared/evaluation/evaluate.ts";
import { contentHash } from "../../shared/ids.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { EngineInfo } from "../../shared/ports/engine.ts";
import type { StateStore } from "../../shared/ports/state-store.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";
import type { EvaluationAnswer, EvaluationMode, EvaluationResult, JudgeCall } from "../../shared/schemas/evaluation.ts";
import type { Checkpoint } from "../../shared/schemas/rows.ts";
import { type AskDeps, askJudge, askModel } from "./ask.ts";
import type { OpenedBench } from "./bench.ts";
import * as files from "./files.ts";
import { keepImages } from "./images.ts";
import { type EvaluationMeter, evaluationMeter } from "./money.ts";
import { EvaluationError } from "./problems.ts";
import { evaluationHtml } from "./report/html.ts";
import { evaluationMarkdown } from "./report/markdown.ts";

/** Stored answers, or a model that is asked. */
export type AnswerSource =
  | { kind: "stored"; answers: readonly EvaluationAnswer[]; told: EvaluationResult["answers"] }
  | { kind: "model"; ref: ModelRef; checkpoint: Checkpoint | undefined; images: string | undefined };

/** Fresh judge calls, stored ones, or none: a bench that needs no judge, or figures without it. */
export type JudgeSource =
  | { kind: "none" }
  | { kind: "stored"; calls: readonly JudgeCall[] }
  | { kind: "model"; ref: ModelRef; repetitions: number; temperature: number };

export type EvaluationPlan = {
  opened: OpenedBench;
  answers: AnswerSource;
  judge: JudgeSource;
  mode: EvaluationMode;
  seed: number;
  confidence: number;
  resamples: number;
  /** Most that models and judge may cost. */
  budgetUsd: number;
  /** The ledger's account that holds the budget and was opened before; left out, one is opened by what is evaluated. */
  account?: string;
};

export type EvaluationDeps = {
  store: Pick<StateStore, "replies" | "ledger">;
  blobs: Parameters<typeof keepImages>[1];
  clock: Clock;
  bind: (ref: ModelRef, checkpoint: Checkpoint | undefined) => Promise<BoundModel & { info: EngineInfo }>;
  signal: AbortSignal;
  onProgress: AskDeps["onProgress"];
};

/** `warnings`: what the model's engine says of itself; not in the result, which stored answers must give again. */
export type RanEvaluation = Evaluated & {
  answers: EvaluationAnswer[];
  calls: JudgeCall[];
  spentUsd: number;
  warnings: string[];
};

/**
 * Asks what is not known yet and scores everything.
 * @throws BudgetSpent; what was answered until then is in the reply cache, so that the same plan goes on from there
 */
export async function runEvaluation(plan: EvaluationPlan, deps: EvaluationDeps): Promise<RanEvaluation> {
  const account = await openAccount(plan, deps);
  const asked = await answersOf(plan, account, deps);
  const judged = await callsOf(plan, { account, answers: asked.answers }, deps);
  const { opened, mode, seed, confidence, resamples } = plan;
  const evaluated = evaluate(
    opened.bench,
    { items: opened.items, answers: asked.answers, calls: judged.calls },
    {
      ...{ mode, seed, confidence, resamples },
      settings: { ...opened.settings, confidence, resamples, seed },
      answers: asked.told,
      notes: opened.notes,
    },
  );
  const { answers, warnings } = asked;
  return { ...evaluated, answers, warnings, calls: judged.calls, spentUsd: asked.spentUsd + judged.spentUsd };
}

/** Writes the folder; `result.json` last: its presence says that the folder is whole. */
export async function writeEvaluation(
  folder: string,
  { result, scores, answers, calls }: RanEvaluation,
  opened: OpenedBench,
): Promise<void> {
  const byItem = <T extends { itemId: string }>(records: readonly T[]) =>
    [...records].sort((a, b) => (a.itemId < b.itemId ? -1 : a.itemId > b.itemId ? 1 : 0));
  const shown = { result, scores, answers, items: opened.items };
  await files.writeJsonLines(join(folder, files.ITEMS_FILE), scores);
  await files.writeJsonLines(join(folder, files.ANSWERS_FILE), byItem(answers));
  await files.writeJsonLines(join(folder, files.JUDGE_FILE), byItem(calls));
  await files.writeWhole(join(folder, files.REPORT_MARKDOWN), evaluationMarkdown(shown));
  await files.writeWhole(join(folder, files.REPORT_HTML), evaluationHtml(shown));
  await files.writeWhole(join(folder, files.RESULT_FILE), `${JSON.stringify(result, null, 2)}\n`);
}

/** The same evaluation again has the same account: what it spent before counts. */
async function openAccount(plan: EvaluationPlan, { store }: EvaluationDeps) {
  if (plan.account !== undefined) return plan.account;
  const { opened, answers, judge, budgetUsd } = plan;
  const models = [answers, judge].flatMap((source) =>
    source.kind === "model" ? [source.ref.baseUrl, source.ref.model] : [],
  );
  const account = `eval/${contentHash([opened.bench.name, opened.items.length, models])}`;
  const known = await store.ledger.read(account);
  const used = known === undefined ? 0 : known.settled + known.reserved;
  await store.ledger.open(account, used + toMicros(budgetUsd));
  return account;
}

type Asked = { answers: EvaluationAnswer[]; told: EvaluationResult["answers"]; warnings: string[]; spentUsd: number };

async function answersOf(
  { opened, answers, mode }: EvaluationPlan,
  account: string,
  deps: EvaluationDeps,
): Promise<Asked> {
  if (answers.kind === "stored")
    return { answers: [...answers.answers], told: answers.told, warnings: [], spentUsd: 0 };
  const { ref, checkpoint, images } = answers;
  const bound = await deps.bind(ref, checkpoint);
  const items = await keepImages({ opened, folder: images }, deps.blobs);
  if (items.some((item) => opened.bench.ask(item).logprobs === true) && !bound.info.logprobs) {
    throw new EvaluationError(
      `${bound.info.name} returns no logprobs for ${ref.model}, and this bench reads yes and no from them`,
      "use a server that gives logprobs (vLLM does), or stored answers with --answers",
    );
  }
  const meter = meterFor({ account, ref }, deps);
  const given = await askModel({ bench: opened.bench, items, mode }, bound, {
    ...deps,
    replies: deps.store.replies,
    meter,
  });
  return {
    answers: given,
    told: { source: bound.info.name, model: bound.model, revision: bound.revision },
    warnings: bound.info.warnings,
    spentUsd: meter.spentUsd(),
  };
}

type Judged = { calls: JudgeCall[]; spentUsd: number };

async function callsOf(
  { opened, judge }: EvaluationPlan,
  { account, answers }: { account: string; answers: readonly EvaluationAnswer[] },
  deps: EvaluationDeps,
): Promise<Judged> {
  if (judge.kind === "none") return { calls: [], spentUsd: 0 };
  if (judge.kind === "stored") return { calls: [...judge.calls], spentUsd: 0 };
  const { ref, repetitions, temperature } = judge;
  const bound = await deps.bind(ref, undefined);
  const meter = meterFor({ account, ref }, deps);
  const options = { repetitions, temperature, structuredOutput: bound.info.structuredOutput };
  const { bench, items } = opened;
  const calls = await askJudge({ bench, items, answers, options }, bound, {
    ...deps,
    replies: deps.store.replies,
    meter,
  });
  return { calls, spentUsd: meter.spentUsd() };
}

function meterFor({ account, ref }: { account: string; ref: ModelRef }, deps: EvaluationDeps): EvaluationMeter {
  return evaluationMeter({ account, refs: () => ref }, { ledger: deps.store.ledger, clock: deps.clock });
}
