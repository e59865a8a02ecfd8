/** Checks that every Ledger adapter makes before it writes. */

/** Millionths of a USD: a whole number that a double holds exactly (up to 9 billion USD). */
export function checkMicros(field: string, micros: number): number {
  if (Number.isSafeInteger(micros) && micros >= 0) return micros;
  throw new RangeError(`${field} ${micros}: must be a whole number of millionths of a USD, 0 or more`);
}

export function checkLease(leaseUntil: number): number {
  if (Number.isSafeInteger(leaseUntil)) return leaseUntil;
  throw new RangeError(`leaseUntil ${leaseUntil}: must be whole milliseconds since 1970`);
}

export function noAccount(runId: string): Error {
  return new Error(`run ${JSON.stringify(runId)} has no ledger account: call ledger.open before reserving money`);
}

export function noReservation(runId: string, reservationId: string): Error {
  return new Error(
    `run ${JSON.stringify(runId)} has no reservation ${JSON.stringify(reservationId)}: reserve money before settling or releasing it`,
  );
}
