/** Runs inside a service process: begun, queued, driven, paused, resumed, cancelled, and taken up again after a crash. */
import { toMicros } from "../../shared/budget/prices.ts";
import { reportKey } from "../../shared/keys.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import type { RunRow } from "../../shared/schemas/rows.ts";
import type { Admission, Principal } from "../api/admission/admission.ts";
import type { Created, Moved, Refused, RunControl } from "../api/deps.ts";
import { demoConfig } from "./demo.ts";
import { createRun } from "./drive.ts";
import { cancelled, interrupted, isShortOfMoney, pausedByHand, type RunStopped } from "./endings.ts";
import type { Local } from "./local.ts";
import { oneByOne } from "./one-by-one.ts";
import { runPilot } from "./pilot.ts";
import { type PlannedRun, planRun } from "./plan-run.ts";
import { retryParked } from "./retry-parked.ts";
import { type AllowedServer, hopeless, refuseConfig, refuseMendable } from "./run-checks.ts";
import { type RunLife, type RunLifeParts, runLife } from "./run-life.ts";
import { type RunMoney, runMoney } from "./run-money.ts";
import { keepOwner } from "./run-owner.ts";
import { type RunQueue, runQueue } from "./run-queue.ts";
import { allRuns } from "./run-rows.ts";

export type RunControlParts = Omit<RunLifeParts, "money"> & {
  admission: Pick<Admission, "admit" | "allotRun" | "settleRun">;
  /** Servers that keys may use; the owner may use any. */
  servers?: readonly AllowedServer[];
  maxActiveRuns?: number;
};

/** Runs that work at once; the others are queued. Our choice for two cores: one waits for a server while one computes. */
const MAX_ACTIVE_RUNS = 2;

export type OpenRunControl = RunControl & {
  /** Takes up what a dead process left queued or running. Call once, as the only process that writes in the folder. */
  start(): Promise<void>;
  /** Stops working; the next `start` goes on. */
  close(): Promise<void>;
};

type Control = {
  local: Local;
  admission: RunControlParts["admission"];
  servers: readonly AllowedServer[];
  money: RunMoney;
  life: RunLife;
  queue: RunQueue;
  /** Two commands for one run do not cross. */
  inTurn: ReturnType<typeof oneByOne>;
};

export function openRunControl(parts: RunControlParts): OpenRunControl {
  const { local, admission, servers = [], maxActiveRuns = MAX_ACTIVE_RUNS } = parts;
  const money = runMoney(local, admission);
  const life = runLife({ ...parts, money });
  const queue = runQueue(maxActiveRuns, life.work);
  const inTurn = oneByOne();
  const control: Control = { local, admission, servers, money, life, queue, inTurn };
  return {
    create: (config, owner) => create(config, owner, control),
    demo: (request, owner) =>
      inTurn("a demo's name", async () =>
        accept(await planRun(await demoConfig(request, local), local, LENIENT), owner, control),
      ),
    pause: (runId) => inTurn(runId, () => halt(runId, pausedByHand(runId), control)),
    resume: (runId) => inTurn(runId, () => resume(runId, control)),
    cancel: (runId) => inTurn(runId, () => halt(runId, cancelled(runId), control)),
    setBudget: (runId, budgetUsd, asker) => inTurn(runId, () => setBudget({ runId, budgetUsd }, asker, control)),
    retryParked: (runId) => inTurn(runId, async () => retryParked(await known(runId, control), local)),
    estimate: (config, owner, signal) => estimate(config, { owner, signal }, control),
    start: () => takeUp(control),
    close: () => queue.close(interrupted()),
  };
}

/** Bad rows were told when the manifest came. */
const LENIENT = { strict: false };

async function checked(
  config: RunConfig,
  asker: Principal,
  { local, servers }: Control,
): Promise<PlannedRun | Refused> {
  const refused = await refuseConfig(config, asker, { servers, blobs: local.blobs });
  if (refused !== undefined) return refused;
  const planned = await planRun(config, local, LENIENT).catch(refuseMendable);
  return "outcome" in planned ? planned : (hopeless(planned.plan) ?? planned);
}

async function create(config: RunConfig, owner: Principal, control: Control): Promise<Created | Refused> {
  const planned = await checked(config, owner, control);
  return "outcome" in planned ? planned : accept(planned, owner, control);
}

async function accept(planned: PlannedRun, owner: Principal, control: Control): Promise<Created | Refused> {
  const { local, money, inTurn } = control;
  const { runId } = planned.plan;
  return inTurn(runId, async () => {
    const there = await local.store.runs.get(runId);
    if (there !== undefined) return { outcome: "already_there", run: there };
    const refused = await money.allot(owner, runId, toMicros(planned.config.budgetUsd), "config.budgetUsd");
    if (refused !== undefined) return refused;
    await keepOwner(runId, owner, local.blobs);
    await createRun(planned, local, "queued");
    return { outcome: "created", run: await enqueue(runId, control) };
  });
}

async function enqueue(runId: string, { life, queue }: Control): Promise<RunRow> {
  await queue.ended(runId); // its report may still be written
  const run = await life.become(runId, { state: "queued", reason: undefined });
  queue.add(runId);
  return run;
}

async function known(runId: string, { local }: Control): Promise<RunRow> {
  const run = await local.store.runs.get(runId);
  if (run === undefined) throw new Error(`there is no run ${runId}`);
  return run;
}

/** Ends a run's work wherever it stands: at work, in the queue, or paused. */
async function halt(runId: string, reason: RunStopped, control: Control): Promise<Moved> {
  const { queue, life } = control;
  const wanted = reason.ending.state;
  const atWork = await queue.stop(runId, reason);
  queue.remove(runId);
  const run = await known(runId, control);
  if (run.state === wanted) return { outcome: atWork ? "moved" : "already_there", run };
  if (run.state === "queued" || (run.state === "paused" && wanted === "stopped")) {
    return { outcome: "moved", run: await life.become(runId, reason.ending) };
  }
  return { outcome: "not_possible", reason: `The run is ${run.state} already.` };
}

async function resume(runId: string, control: Control): Promise<Moved | Refused> {
  const run = await known(runId, control);
  if (run.state === "finished") return FINISHED;
  if (run.state === "queued" || run.state === "running") return { outcome: "already_there", run };
  const refused = await control.money.allotAgain(runId);
  return refused ?? { outcome: "moved", run: await enqueue(runId, control) };
}

const FINISHED: Moved = { outcome: "not_possible", reason: "The run is finished." };

type NewBudget = { runId: string; budgetUsd: number };

async function setBudget(
  { runId, budgetUsd }: NewBudget,
  asker: Principal,
  control: Control,
): Promise<Moved | Refused> {
  const run = await known(runId, control);
  if (run.state === "finished") return FINISHED;
  const holds = run.state !== "stopped" && run.state !== "failed"; // what those held went back; resume takes it again
  const refused = await control.money.setBudget({ runId, holds }, budgetUsd, asker);
  return refused ?? { outcome: "moved", run: isShortOfMoney(run) ? await enqueue(runId, control) : run };
}

async function estimate(
  config: RunConfig,
  { owner, signal }: { owner: Principal; signal: AbortSignal },
  control: Control,
): ReturnType<RunControl["estimate"]> {
  const planned = await checked(config, owner, control);
  if ("outcome" in planned) return planned;
  const payer = { admission: control.admission, principal: owner };
  return runPilot(planned, control.local, { signal, payer });
}

/** Those that were at work first, then those that waited, each from the oldest. */
async function takeUp(control: Control): Promise<void> {
  const left: RunRow[] = [];
  for await (const run of allRuns(control.local.store)) if (await isLeftOver(run, control.local)) left.push(run);
  left.reverse();
  const waited = left.filter(({ state }) => state === "queued");
  for (const { runId, state } of [...left.filter((run) => !waited.includes(run)), ...waited]) {
    if (state === "finished") control.queue.add(runId);
    else await enqueue(runId, control);
  }
}

/** Work that nobody does any more: a run, or the report and datasets of one that finished. */
async function isLeftOver({ runId, state }: RunRow, { blobs }: Local): Promise<boolean> {
  if (state === "queued" || state === "running") return true;
  return state === "finished" && (await blobs.read(reportKey(runId, "html"), { offset: 0, length: 0 })) === undefined;
}
