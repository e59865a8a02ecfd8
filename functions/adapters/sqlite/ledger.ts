import type { DatabaseSync } from "node:sqlite";
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
import type { Write } from "./group-commit.ts";

type Kept = { id: string; lease_until: number; open: number };

export function sqliteLedger(database: DatabaseSync, write: Write): Ledger {
  const sql = ledgerStatements(database);
  const books = sqliteBooks(sql);
  return {
    async open(account, budget) {
      checkAmount(`budget of ${JSON.stringify(account)}`, budget);
      return write(() => {
        sql.open.run(account, budget);
        return books.accountOf(account);
      });
    },
    async read(account) {
      const found = sql.account.get(account) as LedgerRow | undefined;
      return found && { ...found };
    },
    async reserve(reservation) {
      const held = heldBy(reservation);
      return write(() => books.reserve(reservation, held));
    },
    async charge(id, spent, leaseUntil) {
      checkSpent(spent);
      if (leaseUntil !== undefined) checkLease(leaseUntil);
      return write(() => books.charge(id, spent, leaseUntil));
    },
    async settle(id, spent) {
      checkSpent(spent);
      return write(() => books.settle(id, spent));
    },
    release: (id) =>
      write(() => ({ outcome: books.settle(id, []).outcome === "settled" ? "released" : "already_closed" })),
    expire: (now, prefix = "") => write(() => books.expire(now, prefix)),
    held: async (prefix) =>
      (sql.held.all(prefix) as Kept[]).map(({ id, lease_until }): Held => {
        const amounts = books.heldOf(id).map(({ account, amount, charged }) => ({ account, amount, charged }));
        return { id, leaseUntil: lease_until, amounts };
      }),
    prune: (prefix, before) =>
      write(() => {
        sql.pruneReservations.run(prefix, before);
        return { accounts: Number(sql.pruneAccounts.run(prefix, before).changes) };
      }),
  };
}

type Statements = ReturnType<typeof ledgerStatements>;

/** Must run inside a write. */
function sqliteBooks(sql: Statements) {
  function accountOf(account: string): LedgerRow {
    const found = sql.account.get(account) as LedgerRow | undefined;
    if (found === undefined) throw noAccount(account);
    return { ...found };
  }

  function reservationOf(id: string): { open: boolean; held: HeldAmount[] } {
    const found = sql.reservation.get(id) as Kept | undefined;
    if (found === undefined) throw noReservation(id);
    return { open: found.open === 1, held: heldOf(id) };
  }

  const heldOf = (id: string): HeldAmount[] => sql.amounts.all(id) as HeldAmount[];

  function reserve({ id, leaseUntil }: Reservation, held: readonly HeldAmount[]): Reserved {
    const known = sql.reservation.get(id) as Kept | undefined;
    if (known !== undefined) return { outcome: known.open === 1 ? "already_reserved" : "already_closed" };
    const parts = held.map((part) => ({ ...part, missing: missingFor(part.amount, accountOf(part.account)) }));
    const short = parts.find(({ missing }) => missing > 0);
    if (short !== undefined) return { outcome: "short", account: short.account, missing: short.missing };
    sql.reserve.run(id, leaseUntil);
    for (const [at, { account, amount, atRisk }] of held.entries()) {
      sql.take.run(id, at, account, amount, atRisk);
      sql.move.run(amount, 0, 1, account);
    }
    return { outcome: "reserved" };
  }

  return { accountOf, heldOf, reserve, ...spending(sql, { reservationOf, heldOf }) };
}

type Reading = {
  reservationOf: (id: string) => { open: boolean; held: HeldAmount[] };
  heldOf: (id: string) => HeldAmount[];
};

function spending(sql: Statements, { reservationOf, heldOf }: Reading) {
  function charge(id: string, spent: readonly Amount[], leaseUntil: number | undefined) {
    const { open, held } = reservationOf(id);
    if (!open) return { outcome: "already_closed", capped: cappedLate(id, held, spent) } as const;
    const { charged, capped } = chargedAfter(id, held, spent);
    for (const [at, part] of held.entries()) {
      const more = (charged[at] as number) - part.charged;
      if (more === 0) continue;
      sql.charge.run(part.charged + more, id, at);
      sql.move.run(-more, more, 0, part.account);
    }
    if (leaseUntil !== undefined) sql.prolong.run(leaseUntil, id);
    return { outcome: "charged", capped } as const;
  }

  /** Settles `charged` of each amount; the rest is free again. */
  function close(id: string, held: readonly HeldAmount[], charged: readonly number[]): void {
    for (const [at, { account, amount, charged: before }] of held.entries()) {
      const now = charged[at] as number;
      if (now > before) sql.charge.run(now, id, at);
      sql.move.run(before - amount, now - before, -1, account);
    }
    sql.close.run(id);
  }

  function settle(id: string, spent: readonly Amount[]) {
    const { open, held } = reservationOf(id);
    if (!open) return { outcome: "already_closed", capped: cappedLate(id, held, spent) } as const;
    const { charged, capped } = chargedAfter(id, held, spent);
    close(id, held, charged);
    return { outcome: "settled", capped } as const;
  }

  function expire(now: number, prefix: string): string[] {
    const ids = (sql.expired.all(now, prefix) as { id: string }[]).map(({ id }) => id);
    for (const id of ids) {
      const held = heldOf(id);
      close(id, held, held.map(spentAtMost));
    }
    return ids;
  }

  return { charge, settle, expire };
}

const OLD_ACCOUNTS = "account >= ?1 AND substr(account, 1, length(?1)) = ?1 AND account < ?2 AND holders = 0";

function ledgerStatements(database: DatabaseSync) {
  return {
    open: database.prepare(
      `INSERT INTO ledger_accounts (account, budget, reserved, settled, holders) VALUES (?, ?, 0, 0, 0)
         ON CONFLICT DO UPDATE SET budget = excluded.budget`,
    ),
    account: database.prepare("SELECT account, budget, reserved, settled FROM ledger_accounts WHERE account = ?"),
    move: database.prepare(
      `UPDATE ledger_accounts SET reserved = reserved + ?, settled = settled + ?, holders = holders + ? WHERE account = ?`,
    ),
    reservation: database.prepare("SELECT id, lease_until, open FROM ledger_reservations WHERE id = ?"),
    amounts: database.prepare(
      `SELECT account, amount, at_risk AS "atRisk", charged FROM ledger_amounts WHERE id = ? ORDER BY place`,
    ),
    reserve: database.prepare("INSERT INTO ledger_reservations (id, lease_until, open) VALUES (?, ?, 1)"),
    take: database.prepare(
      "INSERT INTO ledger_amounts (id, place, account, amount, at_risk, charged) VALUES (?, ?, ?, ?, ?, 0)",
    ),
    charge: database.prepare("UPDATE ledger_amounts SET charged = ? WHERE id = ? AND place = ?"),
    prolong: database.prepare("UPDATE ledger_reservations SET lease_until = max(lease_until, ?) WHERE id = ?"),
    close: database.prepare("UPDATE ledger_reservations SET open = 0 WHERE id = ?"),
    expired: database.prepare(
      `SELECT id FROM ledger_reservations
         WHERE open = 1 AND lease_until <= ?1 AND substr(id, 1, length(?2)) = ?2 ORDER BY lease_until, id`,
    ),
    held: database.prepare(
      `SELECT id, lease_until, open FROM ledger_reservations
         WHERE open = 1 AND id >= ?1 AND id < ?1 || char(0x10ffff) ORDER BY id`, // no id has that character
    ),
    pruneReservations: database.prepare(
      `DELETE FROM ledger_reservations WHERE id IN
         (SELECT id FROM ledger_amounts WHERE account IN (SELECT account FROM ledger_accounts WHERE ${OLD_ACCOUNTS}))`,
    ),
    pruneAccounts: database.prepare(`DELETE FROM ledger_accounts WHERE ${OLD_ACCOUNTS}`),
  };
}
