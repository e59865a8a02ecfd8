/** Money of a call: its whole time is reserved before it is spawned, charged as it reports, settled when it ends. */
import { runAccount, runReservations } from "../../../shared/budget/accounts.ts";
import type { CallRow } from "../../../shared/schemas/calls.ts";
import type { WorkerDeps } from "../deps.ts";
import { settle, tellMoney } from "../money.ts";

type MoneyDeps = Pick<WorkerDeps, "store" | "clock" | "signal" | "emit">;
type Priced = Pick<CallRow, "runId" | "call" | "microsPerSecond" | "deadlineSeconds">;

/** A call may wait in the provider's queue for long; the sweeper prolongs what still waits. Our choice: a dozen sweeps missed. */
const LEASE_MS = 3_600_000;

export const reservationOf = ({ runId, call }: Pick<CallRow, "runId" | "call">): string =>
  `${runReservations(runId)}${call.slice(runId.length + 1)}`;

/** The most it may cost, millionths of a USD. */
export const boundMicros = ({ microsPerSecond, deadlineSeconds }: Priced): number =>
  Math.ceil(microsPerSecond * deadlineSeconds);

export const spentMicros = ({ microsPerSecond, gpuSeconds }: Pick<CallRow, "microsPerSecond" | "gpuSeconds">): number =>
  Math.ceil(microsPerSecond * gpuSeconds);

/**
 * `no_room`: other work of the run holds what is missing. `too_dear`: the budget has no room even without them.
 * `closed`: the call was settled before.
 */
export async function reserveCall(
  row: Priced,
  { store, clock }: MoneyDeps,
): Promise<{ outcome: "reserved" | "no_room" | "closed" } | { outcome: "too_dear"; missingMicros: number }> {
  const account = runAccount(row.runId);
  const amounts = [{ account, amount: boundMicros(row) }];
  const leaseUntil = clock.now() + LEASE_MS;
  const { outcome } = await store.ledger.reserve({ id: reservationOf(row), amounts, atRisk: amounts, leaseUntil });
  if (outcome === "already_closed") return { outcome: "closed" };
  if (outcome !== "short") return { outcome: "reserved" };
  const books = await store.ledger.read(account);
  const missingMicros = boundMicros(row) - ((books?.budget ?? 0) - (books?.settled ?? 0));
  return missingMicros > 0 ? { outcome: "too_dear", missingMicros } : { outcome: "no_room" };
}

/** Books what it has cost so far and renews the lease. `closed`: nobody pays for it any more. */
export async function chargeCall(
  row: CallRow,
  { store, clock }: MoneyDeps,
): Promise<{ outcome: "charged" | "closed" }> {
  const spent = [{ account: runAccount(row.runId), amount: Math.min(spentMicros(row), boundMicros(row)) }];
  const { outcome } = await store.ledger.charge(reservationOf(row), spent, clock.now() + LEASE_MS);
  return { outcome: outcome === "charged" ? "charged" : "closed" };
}

/** Books what it has cost in all; safe to repeat. */
export async function settleCall(row: CallRow, deps: MoneyDeps): Promise<{ cappedMicros: number }> {
  const holding = { id: reservationOf(row), account: runAccount(row.runId) };
  const settled = await settle(holding, spentMicros(row), deps);
  await tellMoney(row.runId, deps);
  return settled;
}
