/**
 * One account of something countable: a run's USD, an API key's USD or tokens of one day, its requests of one minute, its
 * slots for concurrent requests. Amounts are whole and never negative; money is in millionths of a USD.
 * `settled + reserved ≤ budget` holds at every moment, whatever crashes or races, as long as a budget is not lowered.
 */
export type LedgerRow = { account: string; budget: number; reserved: number; settled: number };

/** How much one reservation takes from one account. */
export type Amount = { account: string; amount: number };

export type Reservation = {
  /** Chosen by the caller: the same id again is the same reservation. */
  id: string;
  /** At most ten accounts (a DynamoDB transaction holds a hundred items), each at most once; all or none is reserved. */
  amounts: readonly Amount[];
  /** ms since 1970. From then on the holder counts as dead, and `expire` closes the reservation. */
  leaseUntil: number;
  /**
   * What may have been spent without anybody knowing when the holder dies, out of each account: settled by `expire` on top
   * of what was charged. Left out: nothing, as with computing of one's own. Never more than the amount.
   */
  atRisk?: readonly Amount[];
};

export type Reserved =
  | { outcome: "reserved" | "already_reserved" | "already_closed" }
  /** The first account, in the order given, without room for its amount. */
  | { outcome: "short"; account: string; missing: number };

/** An open reservation; `charged` of each amount is settled already. */
export type Held = { id: string; leaseUntil: number; amounts: { account: string; amount: number; charged: number }[] };

/**
 * Each call is one atomic write, safe to repeat. What was spent above a reservation is capped at it and told as `capped`:
 * the account stays true to its promise, and the caller reports that its bound was too low. An account that `spent` leaves
 * out has spent what was charged before. A reservation nobody made (or that was pruned) is an exception, and so is an
 * account it does not take from.
 */
export interface Ledger {
  /** Opens the account, or changes its budget (a budget below what is settled and reserved only blocks new reservations). */
  open(account: string, budget: number): Promise<LedgerRow>;
  read(account: string): Promise<LedgerRow | undefined>;
  /** Reserves every amount or nothing. An account without `open` is an exception. */
  reserve(reservation: Reservation): Promise<Reserved>;
  /**
   * What the reservation has spent so far, in all: moves it from reserved to settled, and prolongs the lease when
   * `leaseUntil` is later. A smaller figure than before changes nothing. `already_closed`: whoever holds it came too late.
   */
  charge(
    id: string,
    spent: readonly Amount[],
    leaseUntil?: number,
  ): Promise<{ outcome: "charged" | "already_closed"; capped: Amount[] }>;
  /** Closes the reservation with what it has spent in all (at least what was charged); the rest is free again. */
  settle(id: string, spent: readonly Amount[]): Promise<{ outcome: "settled" | "already_closed"; capped: Amount[] }>;
  /** Closes the reservation: what was charged is settled, the rest is free again. */
  release(id: string): Promise<{ outcome: "released" | "already_closed" }>;
  /**
   * Closes reservations whose lease ended at or before `now`, oldest first: charged + at risk is settled, the rest is free
   * again. `prefix`: only reservations whose id begins with it. Returns their ids.
   */
  expire(now: number, prefix?: string): Promise<string[]>;
  /** Open reservations whose id begins with `prefix`, ordered by id. */
  held(prefix: string): Promise<Held[]>;
  /**
   * Forgets accounts whose name begins with `prefix` and sorts before `before`; those with open reservations stay. The closed
   * reservations that took from them are forgotten too, whatever else they took from: repeating one is a new one.
   */
  prune(prefix: string, before: string): Promise<{ accounts: number }>;
}
