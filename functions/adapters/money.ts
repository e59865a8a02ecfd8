/** What every Ledger adapter checks before it writes, and the arithmetic of one reservation. */
import type { Amount, LedgerRow, Reservation } from "../../shared/ports/ledger.ts";

/** One reservation's part in one account; `charged` of it is settled already. */
export type HeldAmount = { account: string; amount: number; atRisk: number; charged: number };

/** So many items in one write that any store's transaction holds them (shared/ports/ledger.ts). */
const MOST_ACCOUNTS = 10;

/** A whole number that a double holds exactly, 0 or more. */
export function checkAmount(field: string, amount: number): number {
  if (Number.isSafeInteger(amount) && amount >= 0) return amount;
  throw new RangeError(`${field} ${amount}: must be a whole number, 0 or more (money: millionths of a USD)`);
}

export function checkLease(leaseUntil: number): number {
  if (Number.isSafeInteger(leaseUntil)) return leaseUntil;
  throw new RangeError(`leaseUntil ${leaseUntil}: must be whole milliseconds since 1970`);
}

export function checkSpent(spent: readonly Amount[]): void {
  for (const { account, amount } of spent) checkAmount(`spent of ${JSON.stringify(account)}`, amount);
  checkDistinct("spent", spent);
}

/** The amounts of a new reservation, in its order. */
export function heldBy({ amounts, leaseUntil, atRisk = [] }: Reservation): HeldAmount[] {
  checkLease(leaseUntil);
  if (amounts.length === 0 || amounts.length > MOST_ACCOUNTS) {
    throw new RangeError(`amounts: a reservation takes from 1 to ${MOST_ACCOUNTS} accounts, not ${amounts.length}`);
  }
  checkDistinct("amounts", amounts);
  checkDistinct("atRisk", atRisk);
  const held = amounts.map(({ account, amount }) => ({
    account,
    amount: checkAmount(`amount of ${JSON.stringify(account)}`, amount),
    atRisk: 0,
    charged: 0,
  }));
  for (const { account, amount } of atRisk) {
    const part = held.find((one) => one.account === account);
    checkAmount(`atRisk of ${JSON.stringify(account)}`, amount);
    if (part === undefined || amount > part.amount) {
      throw new RangeError(`atRisk of ${JSON.stringify(account)} ${amount}: at most the reserved ${part?.amount ?? 0}`);
    }
    part.atRisk = amount;
  }
  return held;
}

function checkDistinct(field: string, amounts: readonly Amount[]): void {
  const seen = new Set<string>();
  for (const { account } of amounts) {
    if (seen.has(account)) throw new RangeError(`${field}: account ${JSON.stringify(account)} is named twice`);
    seen.add(account);
  }
}

/** What is charged of each amount once `spent` is known, in the order of `held`; and what was spent above the amounts. */
export function chargedAfter(
  id: string,
  held: readonly HeldAmount[],
  spent: readonly Amount[],
): { charged: number[]; capped: Amount[] } {
  const charged = held.map((part) => part.charged);
  const capped: Amount[] = [];
  for (const { account, amount } of spent) {
    const at = held.findIndex((part) => part.account === account);
    const part = held[at];
    if (part === undefined) throw notItsAccount(id, account);
    charged[at] = Math.max(part.charged, Math.min(amount, part.amount));
    if (amount > part.amount) capped.push({ account, amount: amount - part.amount });
  }
  return { charged, capped };
}

/** Of what came too late: everything above what the reservation was closed with. */
export function cappedLate(id: string, held: readonly HeldAmount[], spent: readonly Amount[]): Amount[] {
  return spent.flatMap(({ account, amount }) => {
    const part = held.find((one) => one.account === account);
    if (part === undefined) throw notItsAccount(id, account);
    return amount > part.charged ? [{ account, amount: amount - part.charged }] : [];
  });
}

/** What a dead holder may have spent of an amount. */
export function spentAtMost({ amount, charged, atRisk }: HeldAmount): number {
  return Math.min(amount, charged + atRisk);
}

/** More than 0 when the account has no room for `amount`. All are safe integers, and so is the difference. */
export function missingFor(amount: number, { budget, settled, reserved }: Omit<LedgerRow, "account">): number {
  return amount - (budget - settled - reserved);
}

export function noAccount(account: string): Error {
  return new Error(`account ${JSON.stringify(account)} is not open: call ledger.open before reserving from it`);
}

export function noReservation(id: string): Error {
  return new Error(`no reservation ${JSON.stringify(id)}: reserve before charging, settling or releasing it`);
}

function notItsAccount(id: string, account: string): Error {
  return new Error(`reservation ${JSON.stringify(id)} takes nothing from account ${JSON.stringify(account)}`);
}
