import { randomUUID } from "node:crypto";
import type { Amount, Ledger, LedgerRow, Reservation, Reserved } from "../../../shared/ports/ledger.ts";
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
import {
  ACCOUNT_PARTITIONS,
  accountKey,
  OPEN_PARTITIONS,
  openKey,
  reservationKey,
  tookPartition,
} from "./dynamo-keys.ts";
import { ABSENT, type Item } from "./items.ts";
import {
  type Account,
  accountFrom,
  charging,
  closing,
  heldOf,
  isForgotten,
  type Known,
  knownFrom,
  type Open,
  openFrom,
  reserving,
  rowOf,
} from "./ledger-rows.ts";
import type { Change } from "./single-writes.ts";
import type { TableRows } from "./table-rows.ts";

/**
 * Accounts are conditional counters. Each call reads what it touches, decides, and writes one transaction whose conditions
 * hold what was read; when others came first it begins again. Calls of one process on one account wait for each other.
 */
export function dynamoLedger(rows: TableRows): Ledger {
  const books = dynamoBooks(rows);
  return {
    async open(account, budget) {
      checkAmount(`budget of ${JSON.stringify(account)}`, budget);
      return openAccount(rows, account, budget);
    },
    async read(account) {
      const item = await rows.get(accountKey(account));
      return item && rowOf(accountFrom(item));
    },
    async reserve(reservation) {
      const held = heldBy(reservation);
      const names = held.map(({ account }) => accountKey(account).sk);
      return rows.lanes(names, () => books.reserve(reservation, held));
    },
    async charge(id, spent, leaseUntil) {
      checkSpent(spent);
      if (leaseUntil !== undefined) checkLease(leaseUntil);
      const { open, known } = await books.change(id, (found) => chargeChanges(found, spent, leaseUntil));
      if (open === undefined) return { outcome: "already_closed", capped: cappedLate(id, known.held, spent) };
      return { outcome: "charged", capped: chargedAfter(id, open.held, spent).capped };
    },
    async settle(id, spent) {
      checkSpent(spent);
      const { open, known } = await books.change(id, (found) =>
        closing(found, chargedAfter(id, found.held, spent).charged),
      );
      if (open === undefined) return { outcome: "already_closed", capped: cappedLate(id, known.held, spent) };
      return { outcome: "settled", capped: chargedAfter(id, open.held, spent).capped };
    },
    async release(id) {
      const { open } = await books.change(id, (found) =>
        closing(
          found,
          found.held.map(({ charged }) => charged),
        ),
      );
      return { outcome: open === undefined ? "already_closed" : "released" };
    },
    expire: (now, prefix = "") => expire(rows, now, prefix),
    held: async (prefix) => (await openOnes(rows, prefix)).sort(byId).map(heldOf),
    prune: (prefix, before) => prune(rows, prefix, before),
  };
}

async function openAccount(rows: TableRows, account: string, budget: number): Promise<LedgerRow> {
  const key = accountKey(account);
  for (;;) {
    const item = await rows.get(key);
    const known = item && accountFrom(item);
    if (known?.budget === budget) return rowOf(known);
    const fresh = { budget, reserved: 0, settled: 0, free: budget, holders: 0, life: randomUUID().slice(0, 13) };
    const written =
      known === undefined
        ? await rows.put({ ...key, ...fresh }, ABSENT)
        : await rows.update(
            key,
            {
              text: "SET #budget = :budget, #free = #free + :more",
              values: { budget, more: budget - known.budget },
            },
            { text: "#budget = :old AND #life = :life", values: { old: known.budget, life: known.life } },
          );
    if (written.outcome === "written" && written.item !== undefined) return rowOf(accountFrom(written.item));
  }
}

/** The changes of a charge; none when nothing would change. */
function chargeChanges(open: Open, spent: readonly Amount[], leaseUntil: number | undefined) {
  const { charged } = chargedAfter(open.id, open.held, spent);
  const lease = Math.max(open.leaseUntil, leaseUntil ?? open.leaseUntil);
  const same = lease === open.leaseUntil && open.held.every((part, at) => part.charged === charged[at]);
  return same ? [] : charging(open, charged, lease);
}

type ChangesOf = (open: Open) => Change[];
type Changed = { open: Open; known?: undefined } | { open?: undefined; known: Known };

function dynamoBooks(rows: TableRows) {
  async function accountsOf(held: readonly HeldAmount[]): Promise<(Account | undefined)[]> {
    const items = await rows.getMany(held.map(({ account }) => accountKey(account)));
    return items.map((item) => item && accountFrom(item));
  }

  /** `undefined`: nobody made it, or it was pruned. */
  async function knownOf(id: string): Promise<Known | undefined> {
    const item = await rows.get(reservationKey(id));
    const known = item && knownFrom(item);
    if (!known?.closed) return known;
    return isForgotten(known, await accountsOf(known.held)) ? undefined : known;
  }

  async function reserve(reservation: Reservation, held: HeldAmount[]): Promise<Reserved> {
    for (;;) {
      const reserved = await tryToReserve(reservation, held);
      if (reserved !== undefined) return reserved;
    }
  }

  /** `undefined`: others came first. */
  async function tryToReserve({ id, leaseUntil }: Reservation, held: HeldAmount[]): Promise<Reserved | undefined> {
    const keys = held.map(({ account }) => accountKey(account));
    const [item, ...accountItems] = await rows.getMany([reservationKey(id), ...keys]);
    const stored = item && knownFrom(item);
    if (stored?.closed === false) return { outcome: "already_reserved" };
    if (stored !== undefined && (await knownOf(id)) !== undefined) return { outcome: "already_closed" };
    const accounts = held.map(({ account }, at) => openedFrom(account, accountItems[at]));
    const short = shortOf(held, accounts);
    if (short !== undefined) return short;
    const changes = reserving({ id, leaseUntil, held, accounts, forgotten: stored });
    return (await rows.transact(changes)).outcome === "written" ? { outcome: "reserved" } : undefined;
  }

  async function change(id: string, changesOf: ChangesOf): Promise<Changed> {
    for (;;) {
      const changed = await tryToChange(id, changesOf);
      if (changed !== undefined) return changed;
    }
  }

  /** Changes an open reservation as it is read. `undefined`: others came first. */
  async function tryToChange(id: string, changesOf: ChangesOf): Promise<Changed | undefined> {
    const item = await rows.get(openKey(id));
    if (item === undefined) {
      const known = await knownOf(id);
      if (known === undefined) throw noReservation(id);
      return known.closed ? { known } : undefined;
    }
    const open = openFrom(item);
    const changes = changesOf(open);
    if (changes.length === 0) return { open };
    const names = open.held.map(({ account }) => account);
    const { outcome } = await rows.lanes(names, () => rows.transact(changes));
    return outcome === "written" ? { open } : undefined;
  }

  return { reserve, change };
}

function openedFrom(account: string, item: Item | undefined): Account {
  if (item === undefined) throw noAccount(account);
  return accountFrom(item);
}

function shortOf(held: readonly HeldAmount[], accounts: readonly Account[]): Reserved | undefined {
  const missing = held.map(({ amount }, at) => missingFor(amount, accounts[at] as Account));
  const at = missing.findIndex((amount) => amount > 0);
  if (at === -1) return undefined;
  return { outcome: "short", account: (held[at] as HeldAmount).account, missing: missing[at] as number };
}

async function openOnes(rows: TableRows, prefix: string): Promise<Open[]> {
  const found = await Promise.all(OPEN_PARTITIONS.map((pk) => rows.queryAll({ pk, prefix })));
  return found.flat().map(openFrom);
}

/** What is open is bounded by what is at work, so looking through it is cheap. */
async function expire(rows: TableRows, now: number, prefix: string): Promise<string[]> {
  const over = (await openOnes(rows, prefix)).filter(({ leaseUntil }) => leaseUntil <= now).sort(byLease);
  const closed = await Promise.all(
    over.map((open) => {
      const close = () => closeOver(rows, open, now);
      return rows.lanes(
        open.held.map(({ account }) => account),
        close,
      );
    }),
  );
  return over.filter((_, at) => closed[at]).map(({ id }) => id);
}

/** False when others closed it or prolonged its lease meanwhile. */
async function closeOver(rows: TableRows, found: Open, now: number): Promise<boolean> {
  for (let open = found; open.leaseUntil <= now; ) {
    const { outcome } = await rows.transact(closing(open, open.held.map(spentAtMost)));
    if (outcome === "written") return true;
    const item = await rows.get(openKey(open.id));
    if (item === undefined) return false;
    open = openFrom(item);
  }
  return false;
}

async function prune(rows: TableRows, prefix: string, before: string): Promise<{ accounts: number }> {
  const items = await Promise.all(ACCOUNT_PARTITIONS.map((pk) => rows.queryAll({ pk, prefix, before })));
  const old = items
    .flat()
    .map(accountFrom)
    .filter(({ account }) => account.startsWith(prefix) && compareUtf8(account, before) < 0);
  const pruned = await Promise.all(old.map((account) => pruneAccount(rows, account)));
  return { accounts: pruned.filter((gone) => gone).length };
}

/**
 * With its account a reservation is forgotten at once; its row is removed after it. The index names each reservation under
 * the first of its accounts by name: rows of others that were pruned alone stay until that one is, unseen.
 */
async function pruneAccount(rows: TableRows, { account, life, holders }: Account): Promise<boolean> {
  if (holders > 0) return false;
  const when = { text: "#holders = :none AND #life = :life", values: { none: 0, life } };
  if ((await rows.removeOnce(accountKey(account), when)).outcome === "refused") return false;
  const took = await rows.queryAll({ pk: tookPartition(account), index: true });
  const closed = { text: "#closed = :one AND contains(#lives, :life)", values: { one: 1, life } };
  await Promise.all(took.map((key) => rows.remove(key, closed)));
  return true;
}

const byId = (a: Open, b: Open): number => compareUtf8(a.id, b.id);
const byLease = (a: Open, b: Open): number => a.leaseUntil - b.leaseUntil || byId(a, b);
