import type { Amount, Held, Ledger, LedgerRow, Reservation, Reserved } from "../../../shared/ports/ledger.ts";
import {
  cappedLate,
  chargedAfter,
  checkAmount,
  checkLease,
  checkSpent,
  type HeldAmount,
  heldBy,
  missingFor,
  noAccount,
  noReservation,
  spentAtMost,
} from "../money.ts";
import { compareUtf8 } from "../paging.ts";

/** `holders`: open reservations that take from it. */
type Account = LedgerRow & { holders: number };
type Kept = { id: string; leaseUntil: number; open: boolean; held: HeldAmount[] };

/** A Ledger that forgets everything with the process. Nothing awaits inside a call, so each is atomic. */
export function memoryLedger(): Ledger {
  const books = memoryBooks();
  const { accounts } = books;
  return {
    async open(account, budget) {
      checkAmount(`budget of ${JSON.stringify(account)}`, budget);
      const row = accounts.get(account) ?? { account, budget, reserved: 0, settled: 0, holders: 0 };
      row.budget = budget;
      accounts.set(account, row);
      return rowOf(row);
    },
    async read(account) {
      const row = accounts.get(account);
      return row && rowOf(row);
    },
    reserve: async (reservation) => books.reserve(reservation, heldBy(reservation)),
    async charge(id, spent, leaseUntil) {
      checkSpent(spent);
      if (leaseUntil !== undefined) checkLease(leaseUntil);
      return books.charge(id, spent, leaseUntil);
    },
    async settle(id, spent) {
      checkSpent(spent);
      return books.settle(id, spent);
    },
    async release(id) {
      return { outcome: books.settle(id, []).outcome === "settled" ? "released" : "already_closed" };
    },
    async expire(now, prefix = "") {
      const expired = books.openOnes(prefix).filter(({ leaseUntil }) => leaseUntil <= now);
      for (const reservation of expired) books.close(reservation, reservation.held.map(spentAtMost));
      return expired.sort(byLease).map(({ id }) => id);
    },
    held: async (prefix) => books.openOnes(prefix).sort(byId).map(heldOf),
    prune: async (prefix, before) => books.prune(prefix, before),
  };
}

function memoryBooks() {
  const accounts = new Map<string, Account>();
  const reservations = new Map<string, Kept>();

  function accountOf(account: string): Account {
    const found = accounts.get(account);
    if (found === undefined) throw noAccount(account);
    return found;
  }

  function reservationOf(id: string): Kept {
    const found = reservations.get(id);
    if (found === undefined) throw noReservation(id);
    return found;
  }

  function reserve({ id, leaseUntil }: Reservation, held: HeldAmount[]): Reserved {
    const known = reservations.get(id);
    if (known !== undefined) return { outcome: known.open ? "already_reserved" : "already_closed" };
    const parts = held.map((part) => ({ ...part, row: accountOf(part.account) }));
    const short = parts.find(({ amount, row }) => missingFor(amount, row) > 0);
    if (short !== undefined) {
      return { outcome: "short", account: short.account, missing: missingFor(short.amount, short.row) };
    }
    for (const { amount, row } of parts) {
      row.reserved += amount;
      row.holders++;
    }
    reservations.set(id, { id, leaseUntil, open: true, held });
    return { outcome: "reserved" };
  }

  function moveCharged(held: readonly HeldAmount[], charged: readonly number[]): void {
    for (const [at, part] of held.entries()) {
      const account = accountOf(part.account);
      const more = (charged[at] as number) - part.charged;
      account.reserved -= more;
      account.settled += more;
      part.charged += more;
    }
  }

  function close(reservation: Kept, charged: readonly number[]): void {
    moveCharged(reservation.held, charged);
    for (const part of reservation.held) {
      const account = accountOf(part.account);
      account.reserved -= part.amount - part.charged;
      account.holders--;
    }
    reservation.open = false;
  }

  return {
    accounts,
    reserve,
    close,
    ...spending({ reservationOf, moveCharged, close }),
    ...keeping(accounts, reservations),
  };
}

type Moving = {
  reservationOf: (id: string) => Kept;
  moveCharged: (held: readonly HeldAmount[], charged: readonly number[]) => void;
  close: (reservation: Kept, charged: readonly number[]) => void;
};

function spending({ reservationOf, moveCharged, close }: Moving) {
  return {
    charge(id: string, spent: readonly Amount[], leaseUntil: number | undefined) {
      const reservation = reservationOf(id);
      const { held, open } = reservation;
      if (!open) return { outcome: "already_closed", capped: cappedLate(id, held, spent) } as const;
      const { charged, capped } = chargedAfter(id, held, spent);
      moveCharged(held, charged);
      reservation.leaseUntil = Math.max(reservation.leaseUntil, leaseUntil ?? reservation.leaseUntil);
      return { outcome: "charged", capped } as const;
    },
    settle(id: string, spent: readonly Amount[]) {
      const reservation = reservationOf(id);
      const { held, open } = reservation;
      if (!open) return { outcome: "already_closed", capped: cappedLate(id, held, spent) } as const;
      const { charged, capped } = chargedAfter(id, held, spent);
      close(reservation, charged);
      return { outcome: "settled", capped } as const;
    },
  };
}

function keeping(accounts: Map<string, Account>, reservations: Map<string, Kept>) {
  return {
    openOnes: (prefix: string): Kept[] =>
      [...reservations.values()].filter(({ id, open }) => open && id.startsWith(prefix)),
    prune(prefix: string, before: string): { accounts: number } {
      const old = [...accounts.values()].filter(
        ({ account, holders }) => holders === 0 && account.startsWith(prefix) && compareUtf8(account, before) < 0,
      );
      const forgotten = new Set(old.map(({ account }) => account));
      for (const account of forgotten) accounts.delete(account);
      for (const [id, { held }] of reservations) {
        if (held.some(({ account }) => forgotten.has(account))) reservations.delete(id);
      }
      return { accounts: old.length };
    },
  };
}

function rowOf({ account, budget, reserved, settled }: Account): LedgerRow {
  return { account, budget, reserved, settled };
}

function heldOf({ id, leaseUntil, held }: Kept): Held {
  return { id, leaseUntil, amounts: held.map(({ account, amount, charged }) => ({ account, amount, charged })) };
}

const byId = (a: Kept, b: Kept): number => compareUtf8(a.id, b.id);
const byLease = (a: Kept, b: Kept): number => a.leaseUntil - b.leaseUntil || byId(a, b);
