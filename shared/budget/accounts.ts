/** Names in the ledger. */

/** A run's money. */
export const runAccount = (runId: string): string => `run/${runId}`;

/** How the ids of a run's reservations begin. */
export const runReservations = (runId: string): string => `run/${runId}/`;
