/** What people do with runs: begin, pause, resume, cancel, give money. Who does a run's work is behind `RunWork`. */
import { toMicros } from "../../shared/budget/prices.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import type { RunRow } from "../../shared/schemas/rows.ts";
import type { Admission, Principal } from "../api/admission/admission.ts";
import type { Created, Moved, Refused, RunControl } from "../api/deps.ts";
import { createRun } from "./create-run.ts";
import { cancelled, isShortOfMoney, pausedByHand, type RunStopped } from "./endings.ts";
import { isFinishedWhole } from "./finish.ts";
import { oneByOne } from "./one-by-one.ts";
import { runPilot } from "./pilot.ts";
import { type PlannedRun, planRun } from "./plan-run.ts";
import { retryParked } from "./retry-parked.ts";
import { type AllowedServer, hopeless, refuseConfig, refuseMendable } from "./run-checks.ts";
import type { RunLife } from "./run-life.ts";
import type { RunMoney } from "./run-money.ts";
import { keepOwner } from "./run-owner.ts";
import { allRuns } from "./run-rows.ts";
import type { World } from "./world.ts";

/** Whoever does runs' work: in this process, or an orchestrator somewhere else. */
export type RunWork = {
  /** Begins it, or lets it wait for its turn; nothing for a run that waits or works already. */
  add(runId: string): void | Promise<void>;
  /** Takes out one that waits. */
  remove(runId: string): boolean;
  /** Ends one that is at work and waits until it is; `false` when it was not. The run is then as the reason says. */
  stop(runId: string, reason: RunStopped): Promise<boolean>;
  /** Resolves when nothing is under way for it, at once where nothing is. */
  ended(runId: string): Promise<void>;
};

export type ControlParts = {
  world: World;
  admission: Pick<Admission, "admit" | "allotRun" | "settleRun">;
  /** Servers that keys may use; the owner may use any. */
  servers: readonly AllowedServer[];
  money: RunMoney;
  life: Pick<RunLife, "become">;
  work: RunWork;
  /** The settings of a demo under a free name. */
  demo: (request: Parameters<RunControl["demo"]>[0]) => Promise<RunConfig>;
  /** The next work on the run begins with its first round's first stage. */
  forget: (runId: string) => Promise<void>;
  /** Left out: a pilot runs where this does. */
  estimate?: RunControl["estimate"];
};

type Control = ControlParts & {
  /** Two commands for one run do not cross. */
  inTurn: ReturnType<typeof oneByOne>;
};

/** `takeUp` goes on with what a dead process left queued or running: call it once, as the only process that works. */
export function runControl(parts: ControlParts): RunControl & { takeUp(): Promise<void> } {
  const control: Control = { ...parts, inTurn: oneByOne() };
  const { inTurn, world } = control;
  return {
    create: (config, owner) => create(config, owner, control),
    demo: (request, owner) =>
      inTurn("a demo's name", async () =>
        accept(await planRun(await parts.demo(request), world, LENIENT), owner, control),
      ),
    pause: (runId) => inTurn(runId, () => halt(runId, pausedByHand(runId), control)),
    resume: (runId) => inTurn(runId, () => resume(runId, control)),
    cancel: (runId) => inTurn(runId, () => halt(runId, cancelled(runId), control)),
    setBudget: (runId, budgetUsd, asker) => inTurn(runId, () => setBudget({ runId, budgetUsd }, asker, control)),
    retryParked: (runId) =>
      inTurn(runId, async () => retryParked(await known(runId, control), { ...world, forget: parts.forget })),
    estimate: parts.estimate ?? ((config, owner, signal) => estimate(config, { owner, signal }, control)),
    takeUp: () => takeUp(control),
  };
}

/** Bad rows were told when the manifest came. */
const LENIENT = { strict: false };

async function checked(
  config: RunConfig,
  asker: Principal,
  { world, servers }: Control,
): Promise<PlannedRun | Refused> {
  const refused = await refuseConfig(config, asker, { servers, blobs: world.blobs });
  if (refused !== undefined) return refused;
  const planned = await planRun(config, world, LENIENT).catch(refuseMendable);
  return "outcome" in planned ? planned : (hopeless(planned.plan) ?? planned);
}

async function create(config: RunConfig, owner: Principal, control: Control): Promise<Created | Refused> {
  const planned = await checked(config, owner, control);
  return "outcome" in planned ? planned : accept(planned, owner, control);
}

async function accept(planned: PlannedRun, owner: Principal, control: Control): Promise<Created | Refused> {
  const { world, money, inTurn } = control;
  const { runId } = planned.plan;
  return inTurn(runId, async () => {
    const there = await world.store.runs.get(runId);
    if (there !== undefined) return { outcome: "already_there", run: there };
    const refused = await money.allot(owner, runId, toMicros(planned.config.budgetUsd), "config.budgetUsd");
    if (refused !== undefined) return refused;
    await keepOwner(runId, owner, world.blobs);
    await createRun(planned, world, "queued");
    return { outcome: "created", run: await enqueue(runId, control) };
  });
}

async function enqueue(runId: string, { life, work }: Control): Promise<RunRow> {
  await work.ended(runId); // its report may still be written
  const run = await life.become(runId, { state: "queued", reason: undefined });
  await work.add(runId);
  return run;
}

async function known(runId: string, { world }: Control): Promise<RunRow> {
  const run = await world.store.runs.get(runId);
  if (run === undefined) throw new Error(`there is no run ${runId}`);
  return run;
}

/** Ends a run's work wherever it stands: at work, in the queue, or paused. */
async function halt(runId: string, reason: RunStopped, control: Control): Promise<Moved> {
  const { work, life } = control;
  const wanted = reason.ending.state;
  const atWork = await work.stop(runId, reason);
  work.remove(runId);
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
  return runPilot(planned, control.world, { signal, payer });
}

/** Those that were at work first, then those that waited, each from the oldest. */
async function takeUp(control: Control): Promise<void> {
  const left: RunRow[] = [];
  for await (const run of allRuns(control.world.store)) if (await isLeftOver(run, control.world)) left.push(run);
  left.reverse();
  const waited = left.filter(({ state }) => state === "queued");
  for (const { runId, state } of [...left.filter((run) => !waited.includes(run)), ...waited]) {
    if (state === "finished") await control.work.add(runId);
    else await enqueue(runId, control);
  }
}

/** Work that nobody does any more: a run, or the report and datasets of one that finished. */
async function isLeftOver({ runId, state }: RunRow, { blobs }: World): Promise<boolean> {
  if (state === "queued" || state === "running") return true;
  return state === "finished" && !(await isFinishedWhole(runId, blobs));
}
