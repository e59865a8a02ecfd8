import type { Ledger, LedgerRow } from "../../../shared/ports/state-store.ts";
import { checkLease, checkMicros, noAccount, noReservation } from "../money.ts";
import { compareUtf8 } from "../paging.ts";

type Reservation = {
  runId: string;
  reservationId: string;
  micros: number;
  settledMicros: number;
  leaseUntil: number;
  open: boolean;
};

export function memoryLedger(): Ledger {
  const accounts = new Map<string, LedgerRow>();
  const reservations = new Map<string, Reservation>();
  const keyOf = (runId: string, reservationId: string) => JSON.stringify([runId, reservationId]);

  function accountOf(runId: string): LedgerRow {
    const account = accounts.get(runId);
    if (!account) throw noAccount(runId);
    return account;
  }

  function reservationOf(runId: string, reservationId: string): Reservation {
    const reservation = reservations.get(keyOf(runId, reservationId));
    if (!reservation) throw noReservation(runId, reservationId);
    return reservation;
  }

  function close(reservation: Reservation, settledMicros: number): void {
    const account = accountOf(reservation.runId);
    account.reservedMicros -= reservation.micros;
    account.settledMicros += settledMicros;
    Object.assign(reservation, { open: false, settledMicros });
  }

  return {
    async open(runId, budgetMicros) {
      checkMicros("budgetMicros", budgetMicros);
      const account = accounts.get(runId) ?? { runId, budgetMicros, reservedMicros: 0, settledMicros: 0 };
      account.budgetMicros = budgetMicros;
      accounts.set(runId, account);
      return { ...account };
    },
    async read(runId) {
      const account = accounts.get(runId);
      return account && { ...account };
    },
    async reserve({ runId, reservationId, micros, leaseUntil }) {
      checkMicros("micros", micros);
      checkLease(leaseUntil);
      const known = reservations.get(keyOf(runId, reservationId));
      if (known) return { outcome: known.open ? "already_reserved" : "already_closed" };
      const account = accountOf(runId);
      const missingMicros = account.settledMicros + account.reservedMicros + micros - account.budgetMicros;
      if (missingMicros > 0) return { outcome: "over_budget", missingMicros };
      account.reservedMicros += micros;
      const reservation = { runId, reservationId, micros, settledMicros: 0, leaseUntil, open: true };
      reservations.set(keyOf(runId, reservationId), reservation);
      return { outcome: "reserved" };
    },
    async settle(runId, reservationId, micros) {
      checkMicros("micros", micros);
      const reservation = reservationOf(runId, reservationId);
      const wasOpen = reservation.open;
      if (wasOpen) close(reservation, Math.min(micros, reservation.micros));
      const cappedMicros = Math.max(0, micros - reservation.settledMicros);
      return { outcome: wasOpen ? "settled" : "already_closed", cappedMicros };
    },
    async release(runId, reservationId) {
      const reservation = reservationOf(runId, reservationId);
      if (!reservation.open) return { outcome: "already_closed" };
      close(reservation, 0);
      return { outcome: "released" };
    },
    async releaseExpired(now) {
      const expired = [...reservations.values()].filter(({ open, leaseUntil }) => open && leaseUntil <= now);
      for (const reservation of expired) close(reservation, 0);
      return expired.sort(byLease).map(({ reservationId }) => reservationId);
    },
  };
}

function byLease(a: Reservation, b: Reservation): number {
  return a.leaseUntil - b.leaseUntil || compareUtf8(a.reservationId, b.reservationId);
}
