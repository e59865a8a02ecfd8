/** Money around work: reserved before it begins, settled when it ends, released when it breaks. */
import { runAccount, runReservations } from "../../shared/budget/accounts.ts";
import { COMPUTE_PRICES, toMicros } from "../../shared/budget/prices.ts";
import { RUN_PAUSED } from "../../shared/schemas/loop.ts";
import type { PassId, ShardRow } from "../../shared/schemas/rows.ts";
import type { Scored } from "../../shared/schemas/sample.ts";
import { type WorkerDeps, WorkerError } from "./deps.ts";
import { readScored } from "./files.ts";

/** Work that reports nothing for this long is lost, and its reservation may be released. Our choice. */
const LEASE_MS = 2 * 3600 * 1000;
/** Longest one piece of embedded work may compute: what its reservation covers. Our choice. */
export const EMBEDDED_SECONDS_BOUND = 600;

type MoneyDeps = Pick<WorkerDeps, "store" | "clock" | "emit">;

/** Throws `Run.Paused` when the budget has no room. */
export async function reserve(
  work: { runId: string; what: string },
  micros: number,
  deps: MoneyDeps,
): Promise<{ id: string; account: string }> {
  const now = deps.clock.now();
  const [id, account] = [`${runReservations(work.runId)}${work.what}/${now}`, runAccount(work.runId)];
  const amounts = [{ account, amount: micros }];
  const reserved = await deps.store.ledger.reserve({ id, amounts, leaseUntil: now + LEASE_MS });
  if (reserved.outcome !== "short") return { id, account };
  throw new WorkerError(RUN_PAUSED, `the budget is short by ${(reserved.missing / 1e6).toFixed(4)} USD`);
}

/** Runs work that is paid by the second on the embedded engine. */
export async function spend<T>(
  work: { runId: string; what: string },
  deps: MoneyDeps,
  run: () => Promise<T>,
): Promise<{ result: T; seconds: number }> {
  const started = deps.clock.now();
  const price = COMPUTE_PRICES["cpu-core"];
  const { id, account } = await reserve(work, toMicros(EMBEDDED_SECONDS_BOUND * price), deps);
  try {
    const result = await run();
    const seconds = (deps.clock.now() - started) / 1000;
    await deps.store.ledger.settle(id, [{ account, amount: toMicros(seconds * price) }]);
    await tellMoney(work.runId, deps);
    return { result, seconds };
  } finally {
    await deps.store.ledger.release(id); // does nothing once settled
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
  refuseUnpaid(await deps.store.shards.list({ runId, passId, stage: "score" }));
  return readScored(deps, runId, passId);
}

/** A shard that nobody has run was refused by `reserve`: the work that builds on it pauses the run. */
export function refuseUnpaid(shards: readonly ShardRow[]): void {
  const refused = shards.filter(({ state }) => state === "planned").length;
  if (refused > 0)
    throw new WorkerError(RUN_PAUSED, `the budget had no room for ${refused} of ${shards.length} shards`);
}
