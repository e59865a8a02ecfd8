/** A run's budget, and the day of the key it counts against. */
import { runAccount } from "../../shared/budget/accounts.ts";
import { MICROS_PER_USD, toMicros } from "../../shared/budget/prices.ts";
import type { Admission, Principal } from "../api/admission/admission.ts";
import type { Refused } from "../api/deps.ts";
import { ownerOf } from "./run-owner.ts";
import type { World } from "./world.ts";

export type RunMoney = {
  /** The run's whole budget out of the owner's day. `field`: where the asker named it. */
  allot(owner: Principal, runId: string, usdMicros: number, field: string): Promise<Refused | undefined>;
  /** What `giveBack` gave back, before the run goes on. */
  allotAgain(runId: string): Promise<Refused | undefined>;
  /** What an ended run did not spend. */
  giveBack(runId: string): Promise<void>;
  /** `holds`: the run's budget is allotted at this time. */
  setBudget(run: { runId: string; holds: boolean }, budgetUsd: number, asker: Principal): Promise<Refused | undefined>;
};

export function runMoney({ store, blobs }: World, admission: Pick<Admission, "allotRun" | "settleRun">): RunMoney {
  const { ledger } = store;

  async function allot(owner: Principal, runId: string, usdMicros: number, field: string) {
    const allotted = await admission.allotRun(owner, runId, usdMicros);
    if (allotted.outcome === "allotted") return undefined;
    return overDay({ message: allotted.message, leftUsdMicros: allotted.leftUsdMicros }, usdMicros, field);
  }

  return {
    allot,
    async allotAgain(runId) {
      const owner = await ownerOf(runId, blobs);
      const account = await ledger.read(runAccount(runId));
      return owner === undefined || account === undefined
        ? undefined
        : allot(owner, runId, account.budget, "budget_usd");
    },
    async giveBack(runId) {
      const owner = await ownerOf(runId, blobs);
      const account = await ledger.read(runAccount(runId));
      if (owner !== undefined && account !== undefined) await admission.settleRun(owner, runId, account.settled);
    },
    async setBudget({ runId, holds }, budgetUsd, asker) {
      const usdMicros = toMicros(budgetUsd);
      const settled = (await ledger.read(runAccount(runId)))?.settled ?? 0;
      if (usdMicros < settled) return belowSpent(budgetUsd, settled);
      const owner = (await ownerOf(runId, blobs)) ?? asker;
      const refused = holds ? await allot(owner, runId, usdMicros, "budget_usd") : undefined;
      if (refused === undefined) await ledger.open(runAccount(runId), usdMicros);
      return refused;
    },
  };
}

function overDay(day: { message: string; leftUsdMicros: number }, usdMicros: number, field: string): Refused {
  return {
    outcome: "refused",
    code: "budget.over_day",
    field,
    value: usdMicros / MICROS_PER_USD,
    detail: `A run's budget counts against its key's day: ${day.message}.`,
    fix: `At most ${day.leftUsdMicros / MICROS_PER_USD} USD more today: ask for less, wait for the next day, or use a key with a higher limit.`,
  };
}

function belowSpent(budgetUsd: number, settledMicros: number): Refused {
  const spent = settledMicros / MICROS_PER_USD;
  return {
    outcome: "refused",
    code: "budget.below_spent",
    field: "budget_usd",
    value: budgetUsd,
    detail: `The run has spent ${spent} USD already.`,
    fix: `Give at least ${spent}; to spend no more, pause or cancel the run.`,
  };
}
