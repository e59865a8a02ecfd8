/** Evaluations inside a service process: begun, queued, done, cancelled, and taken up again after a crash. */
import { join } from "node:path";
import { MICROS_PER_USD, toMicros } from "../../shared/budget/prices.ts";
import { checkGate } from "../../shared/evaluation/gate.ts";
import { contentHash } from "../../shared/ids.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";
import type { EvaluationRequest, EvaluationRow } from "../../shared/schemas/evaluation-job.ts";
import type { Admission, Principal } from "../api/admission/admission.ts";
import type { EvaluationControl, ModelCatalog, Refused } from "../api/deps.ts";
import { REPORT_HTML, RESULT_FILE } from "../evals/files.ts";
import { BudgetSpent, EvaluationError } from "../evals/problems.ts";
import { runEvaluation, writeEvaluation } from "../evals/run.ts";
import { type PlanDeps, planEvaluation, RequestRefused, type ServicePlan } from "../evals/service-plan.ts";
import { interrupted, RunStopped } from "./endings.ts";
import { type EvaluationRows, evaluationAccount, evaluationPrefix, evaluationRows } from "./evaluation-rows.ts";
import type { Local } from "./local.ts";
import { oneByOne } from "./one-by-one.ts";
import { codeVersion } from "./plan-run.ts";
import { type RunQueue, runQueue } from "./run-queue.ts";

export type EvaluationParts = {
  local: Local;
  admission: Pick<Admission, "allotRun" | "settleRun">;
  models: Pick<ModelCatalog, "find">;
  /** Models that may judge. */
  judges: readonly ModelRef[];
  files: PlanDeps["files"];
  onFault: (error: unknown, where: string) => void;
};

export type OpenEvaluationControl = EvaluationControl & {
  /** Takes up what a dead process left. Call once, as the only process that writes in the folder. */
  start(): Promise<void>;
  /** Stops working; the next `start` goes on. */
  close(): Promise<void>;
};

/** Evaluations that work at once. Our choice: they ask servers that runs ask, too. */
const PLACES = 1;

type Progress = { done: number; total: number; what: string };
type Control = EvaluationParts & {
  rows: EvaluationRows;
  queue: RunQueue;
  progress: Map<string, Progress>;
  inTurn: ReturnType<typeof oneByOne>;
};

export function openEvaluationControl(parts: EvaluationParts): OpenEvaluationControl {
  const { local } = parts;
  const rows = evaluationRows(local.blobs, local.clock);
  const work = (id: string, signal: AbortSignal) => carryOut(id, signal, control);
  const control: Control = {
    ...{ ...parts, rows, progress: new Map(), inTurn: oneByOne() },
    queue: runQueue(PLACES, work),
  };
  const { queue } = control;
  return {
    create: (request, owner) => create(request, owner, control),
    get: rows.get,
    list: rows.all,
    facts: async (row) => ({ progress: control.progress.get(row.evaluationId), ...(await moneyOf(row, control)) }),
    result: (id) => written(id, RESULT_FILE, control),
    page: (id) => written(id, REPORT_HTML, control),
    cancel: (id) => control.inTurn(id, () => cancel(id, control)),
    start: () => takeUp(control),
    close: () => queue.close(interrupted()),
  };
}

async function written(id: string, file: string, { local }: Control): Promise<string | undefined> {
  const bytes = await local.blobs.read(`${evaluationPrefix(id)}/${file}`);
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

async function moneyOf({ evaluationId }: EvaluationRow, { local }: Control) {
  const account = await local.store.ledger.read(evaluationAccount(evaluationId));
  return { settledUsdMicros: account?.settled ?? 0, reservedUsdMicros: account?.reserved ?? 0 };
}

/** The same request with the same code is the same evaluation, whatever it may cost. */
const idOf = ({ budgetUsd: _, ...request }: EvaluationRequest): string =>
  `evl_${contentHash({ request, code: codeVersion() })}`;

async function create(
  request: EvaluationRequest,
  owner: Principal,
  control: Control,
): ReturnType<EvaluationControl["create"]> {
  const evaluationId = idOf(request);
  return control.inTurn(evaluationId, async () => {
    const { rows } = control;
    const there = await rows.get(evaluationId);
    if (there !== undefined) return again(there, request, owner, control);
    const plan = await plannedOrRefused(request, control);
    if ("outcome" in plan) return plan;
    const budgetUsdMicros = toMicros(request.budgetUsd);
    const refused = await allot(evaluationId, owner, budgetUsdMicros, control);
    if (refused !== undefined) return refused;
    const now = control.local.clock.now();
    const items = plan.opened.items.length;
    const times = { createdAt: now, updatedAt: now };
    const row: EvaluationRow = {
      ...{ evaluationId, bench: request.bench, subject: subjectOf(request), state: "queued" },
      ...{ ...times, budgetUsdMicros, items },
    };
    await rows.create(row, { request, owner });
    await control.queue.add(evaluationId);
    return { outcome: "created", evaluation: row };
  });
}

const subjectOf = ({ run, model, answers }: EvaluationRequest): EvaluationRow["subject"] => ({
  ...{ run: run ?? null, model: model ?? null, answers: answers?.length ?? null },
});

const GOES_ON: readonly EvaluationRow["state"][] = ["paused", "stopped", "failed"];

/** One that stands still goes on; a paused one needs more money than it had. */
async function again(
  row: EvaluationRow,
  request: EvaluationRequest,
  owner: Principal,
  control: Control,
): ReturnType<EvaluationControl["create"]> {
  const budgetUsdMicros = Math.max(row.budgetUsdMicros, toMicros(request.budgetUsd));
  const isShort = row.state === "paused" && budgetUsdMicros === row.budgetUsdMicros;
  if (!GOES_ON.includes(row.state) || isShort) return { outcome: "already_there", evaluation: row };
  const payer = (await control.rows.owner(row.evaluationId)) ?? owner;
  const refused = await allot(row.evaluationId, payer, budgetUsdMicros, control);
  if (refused !== undefined) return refused;
  await control.queue.ended(row.evaluationId);
  const evaluation = await control.rows.change(row, { state: "queued", budgetUsdMicros });
  await control.queue.add(row.evaluationId);
  return { outcome: "already_there", evaluation };
}

/** Out of the owner's day, as a run's budget is; then the evaluation's own account. */
async function allot(
  id: string,
  owner: Principal,
  micros: number,
  { admission, local }: Control,
): Promise<Refused | undefined> {
  const allotted = await admission.allotRun(owner, id, micros);
  if (allotted.outcome === "allotted") {
    await local.store.ledger.open(evaluationAccount(id), micros);
    return undefined;
  }
  return {
    ...{ outcome: "refused", code: "budget.over_day", field: "budget_usd", value: micros / MICROS_PER_USD },
    detail: `An evaluation's budget counts against its key's day: ${allotted.message}.`,
    fix: `At most ${allotted.leftUsdMicros / MICROS_PER_USD} USD more today: ask for less, wait for the next day, or use a key with a higher limit.`,
  };
}

async function plannedOrRefused(request: EvaluationRequest, control: Control): Promise<ServicePlan | Refused> {
  try {
    return await planned(request, control);
  } catch (error) {
    if (error instanceof RequestRefused) {
      const { field, message: detail, fix } = error;
      return { outcome: "refused", code: "eval.invalid", field, detail: `${detail}.`, fix };
    }
    if (!(error instanceof EvaluationError)) throw error;
    return { outcome: "refused", code: "eval.bench", field: "bench", detail: `${error.message}.`, fix: error.fix };
  }
}

function planned(request: EvaluationRequest, { local, models, judges, files }: Control): Promise<ServicePlan> {
  const { dataDir, store, blobs } = local;
  return planEvaluation(request, { dataDir, store, blobs, judges, files, served: (id) => models.find(id) });
}

/** Never rejects. */
async function carryOut(id: string, signal: AbortSignal, control: Control): Promise<void> {
  const { rows, progress, onFault } = control;
  try {
    const row = await rows.get(id);
    if (row === undefined) throw new Error(`there is no evaluation ${id}`);
    const running = await rows.change(row, { state: "running" });
    const ending = await workOn(running, signal, control).catch((error: unknown) => endingOf(error, signal));
    await rows.change(running, ending);
    progress.delete(id);
    if (ending.state === "failed") onFault(new Error(ending.reason), `evaluation ${id}`);
    if (ending.state !== "queued" && ending.state !== "paused") await giveBack(id, control);
  } catch (error) {
    onFault(error, `evaluation ${id}`);
  }
}

async function workOn(
  { evaluationId }: EvaluationRow,
  signal: AbortSignal,
  control: Control,
): Promise<Partial<EvaluationRow>> {
  const { local, rows, progress } = control;
  const request = await rows.request(evaluationId);
  const plan = await planned(request, control);
  const ran = await runEvaluation(
    { ...plan, budgetUsd: request.budgetUsd, account: evaluationAccount(evaluationId) },
    {
      ...local,
      bind: (ref, checkpoint) => local.models.bind(ref, checkpoint, evaluationId),
      signal,
      onProgress: (done, total, what) => void progress.set(evaluationId, { done, total, what }),
    },
  );
  signal.throwIfAborted();
  await writeEvaluation(join(local.dataDir, evaluationPrefix(evaluationId)), ran, plan.opened);
  if (request.gate === undefined) return { state: "finished" };
  const checked = checkGate(request.gate, ran.result);
  const checks = checked.outcome === "invalid" ? [] : checked.checks;
  return { state: "finished", gate: { outcome: checked.outcome, checks } };
}

function endingOf(error: unknown, signal: AbortSignal): Partial<EvaluationRow> {
  if (signal.aborted && signal.reason instanceof RunStopped) {
    const { state, reason } = signal.reason.ending;
    return { state: state === "queued" ? "queued" : "stopped", reason };
  }
  if (error instanceof BudgetSpent) {
    const reason = `${error.message}; the same request with a higher budget_usd goes on: every reply so far is kept`;
    return { state: "paused", reason };
  }
  return { state: "failed", reason: error instanceof Error ? error.message : String(error) };
}

/** What it did not spend, to its owner's day. */
async function giveBack(id: string, { local, admission, rows }: Control): Promise<void> {
  const owner = await rows.owner(id);
  const settled = (await local.store.ledger.read(evaluationAccount(id)))?.settled ?? 0;
  if (owner !== undefined) await admission.settleRun(owner, id, settled);
}

async function cancel(id: string, control: Control): ReturnType<EvaluationControl["cancel"]> {
  const { rows, queue } = control;
  const reason = "cancelled: every reply so far is kept; the same request goes on";
  await queue.stop(id, new RunStopped({ state: "stopped", reason }));
  queue.remove(id);
  const row = await rows.get(id);
  if (row === undefined) throw new Error(`there is no evaluation ${id}`);
  if (row.state === "stopped") return { outcome: "cancelled", evaluation: row };
  if (row.state === "finished" || row.state === "failed") return { outcome: "not_possible", evaluation: row };
  const evaluation = await rows.change(row, { state: "stopped", reason });
  await giveBack(id, control);
  return { outcome: "cancelled", evaluation };
}

/** From the oldest. What the dead process held is closed: its leases need not run out. */
async function takeUp({ rows, queue, local }: Control): Promise<void> {
  const left = (await rows.all()).filter(({ state }) => state === "queued" || state === "running");
  for (const row of left.reverse()) {
    await local.store.ledger.expire(Number.MAX_SAFE_INTEGER, `${evaluationAccount(row.evaluationId)}/`);
    await rows.change(row, { state: "queued" });
    await queue.add(row.evaluationId);
  }
}
