/** Money around work: reserved before it begins, charged while it goes on, settled however it ends. */
import { runAccount, runReservations } from "../../shared/budget/accounts.ts";
import { COMPUTE_PRICES, toMicros } from "../../shared/budget/prices.ts";
import { RUN_PAUSED } from "../../shared/schemas/loop.ts";
import type { PassId, ShardRow } from "../../shared/schemas/rows.ts";
import type { Scored } from "../../shared/schemas/sample.ts";
import { type WorkerDeps, WorkerError } from "./deps.ts";
import { allScored, scoredKeys } from "./files.ts";

/** Work that reports nothing for this long counts as lost, and its reservation may be closed. Our choice. */
const LEASE_MS = 2 * 3600 * 1000;
/** Longest one piece of embedded work may compute: what its reservation covers. Our choice. */
export const EMBEDDED_SECONDS_BOUND = 600;
/** How often work that found no room looks again while other work of the run holds what it needs. Our choice. */
const LOOK_AGAIN_MS = 250;

type MoneyDeps = Pick<WorkerDeps, "store" | "clock" | "signal">;

/** Money that is held in the ledger. */
export type Holding = { id: string; account: string };

/**
 * Waits while other work of the run holds the missing money, for it holds more than it will spend. Throws `Run.Paused` when
 * the budget has no room even without them.
 * @param bounds the most the work may cost, and how much of it may be spent unseen if this process dies; millionths of a USD
 */
export async function reserve(
  work: { runId: string; what: string },
  bounds: { micros: number; atRisk: number },
  { store, clock, signal }: MoneyDeps,
): Promise<Holding> {
  const account = runAccount(work.runId);
  const id = `${runReservations(work.runId)}${work.what}/${clock.now()}`;
  const [amounts, atRisk] = [bounds.micros, bounds.atRisk].map((amount) => [{ account, amount }]);
  for (;;) {
    signal.throwIfAborted();
    const leaseUntil = clock.now() + LEASE_MS;
    const reserved = await store.ledger.reserve({ id, amounts: amounts!, atRisk: atRisk!, leaseUntil });
    if (reserved.outcome === "already_closed")
      throw new Error(`reservation ${id} is closed: nothing more is paid with it`);
    if (reserved.outcome !== "short") return { id, account };
    const row = await store.ledger.read(account);
    const missing = bounds.micros - ((row?.budget ?? 0) - (row?.settled ?? 0));
    if (missing > 0) throw new WorkerError(RUN_PAUSED, `the budget is short by ${missing / 1e6} USD`);
    await clock.sleep(LOOK_AGAIN_MS, signal);
  }
}

/** Books what was spent so far, in all, and renews the lease. Throws when the holder was taken for dead: it must spend no more. */
export async function charge({ id, account }: Holding, micros: number, { store, clock }: MoneyDeps): Promise<void> {
  const { outcome } = await store.ledger.charge(id, [{ account, amount: micros }], clock.now() + LEASE_MS);
  if (outcome === "already_closed")
    throw new Error(`reservation ${id} was closed while its work went on: it ends here`);
}

/** Books what was spent in all. What goes above the bound is booked too as far as the budget has room, and told. */
export async function settle(
  { id, account }: Holding,
  micros: number,
  { store, clock }: MoneyDeps,
): Promise<{ cappedMicros: number }> {
  const { outcome, capped } = await store.ledger.settle(id, [{ account, amount: micros }]);
  const cappedMicros = outcome === "settled" ? (capped[0]?.amount ?? 0) : 0;
  if (cappedMicros > 0) {
    const above = { id: `${id}/above`, amounts: [{ account, amount: cappedMicros }] };
    const reserved = await store.ledger.reserve({
      ...above,
      atRisk: above.amounts,
      leaseUntil: clock.now() + LEASE_MS,
    });
    if (reserved.outcome !== "short") await store.ledger.settle(above.id, above.amounts);
  }
  return { cappedMicros };
}

/** Runs work that is paid by the second on the embedded engine. */
export async function spend<T>(
  work: { runId: string; what: string },
  deps: MoneyDeps & Pick<WorkerDeps, "emit">,
  run: () => Promise<T>,
): Promise<{ result: T; seconds: number }> {
  const price = COMPUTE_PRICES["cpu-core"];
  const holding = await reserve(work, { micros: toMicros(EMBEDDED_SECONDS_BOUND * price), atRisk: 0 }, deps);
  const started = deps.clock.now();
  const seconds = () => (deps.clock.now() - started) / 1000;
  try {
    const result = await run();
    return { result, seconds: seconds() };
  } finally {
    await settle(holding, toMicros(seconds() * price), deps);
    await tellMoney(work.runId, deps);
  }
}

export async function tellMoney(runId: string, deps: Pick<WorkerDeps, "store" | "emit">): Promise<void> {
  const ledger = await deps.store.ledger.read(runAccount(runId));
  if (ledger === undefined) return;
  const { settled: settledMicros, reserved: reservedMicros, budget: budgetMicros } = ledger;
  deps.emit({ kind: "money", settledMicros, reservedMicros, budgetMicros });
}

/** The pass's scored samples; a pass with shards that were refused for want of money pauses the run. */
export async function paidScored(
  deps: Pick<WorkerDeps, "store" | "blobs">,
  runId: string,
  passId: PassId,
): Promise<Scored[]> {
  return allScored(deps, await paidScoredKeys(deps, runId, passId));
}

/** The files they lie in: for a pass that is larger than memory. */
export async function paidScoredKeys(
  deps: Pick<WorkerDeps, "store">,
  runId: string,
  passId: PassId,
): Promise<string[]> {
  refuseUnpaid(await deps.store.shards.list({ runId, passId, stage: "score" }));
  return scoredKeys(deps, runId, passId);
}

/** A shard that nobody has run was refused by `reserve`: the work that builds on it pauses the run. */
export function refuseUnpaid(shards: readonly ShardRow[]): void {
  const refused = shards.filter(({ state }) => state === "planned").length;
  if (refused > 0)
    throw new WorkerError(RUN_PAUSED, `the budget had no room for ${refused} of ${shards.length} shards`);
}
