import type { DatabaseSync } from "node:sqlite";
import type { Ledger, LedgerRow } from "../../../shared/ports/state-store.ts";
import { checkLease, checkMicros, noAccount, noReservation } from "../money.ts";
import type { Write } from "./group-commit.ts";

type Reservation = { run_id: string; reservation_id: string; micros: number; settled_micros: number; open: number };

export function sqliteLedger(database: DatabaseSync, write: Write): Ledger {
  const statements = ledgerStatements(database);

  function accountOf(runId: string): LedgerRow | undefined {
    const found = statements.account.get(runId) as Record<string, number> | undefined;
    if (!found) return undefined;
    const { budget, reserved, settled } = found as { budget: number; reserved: number; settled: number };
    return { runId, budgetMicros: budget, reservedMicros: reserved, settledMicros: settled };
  }

  function reservationOf(runId: string, reservationId: string): Reservation {
    const found = statements.reservation.get(runId, reservationId) as Reservation | undefined;
    if (!found) throw noReservation(runId, reservationId);
    return found;
  }

  /** Moves a reservation's money: `settled` of it is spent, the rest is free again. */
  function close({ run_id, reservation_id, micros }: Reservation, settled: number): void {
    statements.close.run(settled, run_id, reservation_id);
    statements.moveMoney.run(-micros, settled, run_id);
  }

  function reserve({ runId, reservationId, micros, leaseUntil }: Parameters<Ledger["reserve"]>[0]) {
    const known = statements.reservation.get(runId, reservationId);
    if (known) return { outcome: known["open"] === 1 ? "already_reserved" : "already_closed" } as const;
    const account = accountOf(runId);
    if (!account) throw noAccount(runId);
    const missingMicros = account.settledMicros + account.reservedMicros + micros - account.budgetMicros;
    if (missingMicros > 0) return { outcome: "over_budget", missingMicros } as const;
    statements.reserve.run(runId, reservationId, micros, leaseUntil);
    statements.moveMoney.run(micros, 0, runId);
    return { outcome: "reserved" } as const;
  }

  function settle(runId: string, reservationId: string, micros: number) {
    const reservation = reservationOf(runId, reservationId);
    const wasOpen = reservation.open === 1;
    const settled = wasOpen ? Math.min(micros, reservation.micros) : reservation.settled_micros;
    if (wasOpen) close(reservation, settled);
    const cappedMicros = Math.max(0, micros - settled);
    return { outcome: wasOpen ? "settled" : "already_closed", cappedMicros } as const;
  }

  function release(runId: string, reservationId: string) {
    const reservation = reservationOf(runId, reservationId);
    if (reservation.open !== 1) return { outcome: "already_closed" } as const;
    close(reservation, 0);
    return { outcome: "released" } as const;
  }

  function releaseExpired(now: number): string[] {
    const expired = statements.expired.all(now) as Reservation[];
    for (const reservation of expired) close(reservation, 0);
    return expired.map(({ reservation_id }) => reservation_id);
  }

  return {
    async open(runId, budgetMicros) {
      checkMicros("budgetMicros", budgetMicros);
      return write(() => {
        statements.open.run(runId, budgetMicros);
        return accountOf(runId) as LedgerRow;
      });
    },
    async read(runId) {
      return accountOf(runId);
    },
    async reserve(request) {
      checkMicros("micros", request.micros);
      checkLease(request.leaseUntil);
      return write(() => reserve(request));
    },
    async settle(runId, reservationId, micros) {
      checkMicros("micros", micros);
      return write(() => settle(runId, reservationId, micros));
    },
    release: (runId, reservationId) => write(() => release(runId, reservationId)),
    releaseExpired: (now) => write(() => releaseExpired(now)),
  };
}

function ledgerStatements(database: DatabaseSync) {
  return {
    open: database.prepare(
      `INSERT INTO accounts (run_id, budget_micros, reserved_micros, settled_micros) VALUES (?, ?, 0, 0)
         ON CONFLICT DO UPDATE SET budget_micros = excluded.budget_micros`,
    ),
    account: database.prepare(
      `SELECT budget_micros AS budget, reserved_micros AS reserved, settled_micros AS settled
         FROM accounts WHERE run_id = ?`,
    ),
    moveMoney: database.prepare(
      `UPDATE accounts SET reserved_micros = reserved_micros + ?, settled_micros = settled_micros + ? WHERE run_id = ?`,
    ),
    reservation: database.prepare("SELECT * FROM reservations WHERE run_id = ? AND reservation_id = ?"),
    reserve: database.prepare(
      `INSERT INTO reservations (run_id, reservation_id, micros, settled_micros, lease_until, open)
         VALUES (?, ?, ?, 0, ?, 1)`,
    ),
    close: database.prepare(
      "UPDATE reservations SET open = 0, settled_micros = ? WHERE run_id = ? AND reservation_id = ?",
    ),
    expired: database.prepare(
      "SELECT * FROM reservations WHERE open = 1 AND lease_until <= ? ORDER BY lease_until, reservation_id",
    ),
  };
}
