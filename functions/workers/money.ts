/** Money around work: reserved before it begins, settled when it ends, released when it breaks. */
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
  reservation: { runId: string; reservationId: string },
  micros: number,
  deps: MoneyDeps,
): Promise<void> {
  const leaseUntil = deps.clock.now() + LEASE_MS;
  const reserved = await deps.store.ledger.reserve({ ...reservation, micros, leaseUntil });
  if (reserved.outcome !== "over_budget") return;
  throw new WorkerError(RUN_PAUSED, `the budget is short by ${(reserved.missingMicros / 1e6).toFixed(4)} USD`);
}

/** Runs work that is paid by the second on the embedded engine. */
export async function spend<T>(
  work: { runId: string; what: string },
  deps: MoneyDeps,
  run: () => Promise<T>,
): Promise<{ result: T; seconds: number }> {
  const started = deps.clock.now();
  const reservation = { runId: work.runId, reservationId: `${work.what}/${started}` };
  const price = COMPUTE_PRICES["cpu-core"];
  await reserve(reservation, toMicros(EMBEDDED_SECONDS_BOUND * price), deps);
  try {
    const result = await run();
    const seconds = (deps.clock.now() - started) / 1000;
    await deps.store.ledger.settle(reservation.runId, reservation.reservationId, toMicros(seconds * price));
    await tellMoney(work.runId, deps);
    return { result, seconds };
  } finally {
    await deps.store.ledger.release(reservation.runId, reservation.reservationId); // does nothing once settled
  }
}

export async function tellMoney(runId: string, deps: Pick<WorkerDeps, "store" | "emit">): Promise<void> {
  const ledger = await deps.store.ledger.read(runId);
  if (ledger === undefined) return;
  const { settledMicros, reservedMicros, budgetMicros } = ledger;
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
