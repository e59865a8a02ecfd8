/** Rows of the ledger and the changes that one transaction makes of them. */
import type { Held, LedgerRow } from "../../../shared/ports/ledger.ts";
import type { HeldAmount } from "../money.ts";
import { accountKey, openKey, reservationKey, tookPartition } from "./dynamo-keys.ts";
import { ABSENT, type Condition, type Item, type Value } from "./items.ts";
import type { Change } from "./single-writes.ts";

/**
 * An account keeps `free` = budget − settled − reserved beside them: a condition of DynamoDB compares attributes but adds
 * none, and `free >= :amount` is what holds the promise whatever races. `life` names it from `open` to `prune`: an account
 * that is opened again is another one.
 */
export type Account = LedgerRow & { free: number; holders: number; life: string };

/** While it is open. `version`: for conditional changes. */
export type Open = { id: string; leaseUntil: number; held: HeldAmount[]; version: number };

/** From its beginning until it is pruned; `held` as it was closed. `lives`: of the accounts it took from, in their order. */
export type Known = { closed: boolean; held: HeldAmount[]; lives: string };

export function accountFrom(item: Item): Account {
  const { sk: account, budget, reserved, settled, free, holders, life } = item;
  return { account, budget, reserved, settled, free, holders, life } as Account;
}

export function openFrom(item: Item): Open {
  const { sk: id, lease, held, version } = item;
  return { id, leaseUntil: lease, held: JSON.parse(held as string), version } as Open;
}

export function knownFrom(item: Item): Known {
  const { closed, held, lives } = item;
  return { closed: closed === 1, held: JSON.parse(held as string), lives: lives as string };
}

export const rowOf = ({ account, budget, reserved, settled }: Account): LedgerRow => ({
  account,
  budget,
  reserved,
  settled,
});

export const heldOf = ({ id, leaseUntil, held }: Open): Held => ({
  id,
  leaseUntil,
  amounts: held.map(({ account, amount, charged }) => ({ account, amount, charged })),
});

export const livesOf = (accounts: readonly Account[]): string => accounts.map(({ life }) => life).join(" ");

/** An account was pruned since, so the reservation is forgotten, though its row may still be there. */
export function isForgotten({ lives }: Known, accounts: readonly (Account | undefined)[]): boolean {
  return accounts.includes(undefined) || livesOf(accounts as Account[]) !== lives;
}

type Reserving = {
  id: string;
  leaseUntil: number;
  held: readonly HeldAmount[];
  accounts: readonly Account[];
  forgotten: Known | undefined;
};

export function reserving({ id, leaseUntil, held, accounts, forgotten }: Reserving): Change[] {
  const [first = ""] = held.map(({ account }) => account).toSorted();
  const text = JSON.stringify(held);
  const known = { closed: 0, held: text, lives: livesOf(accounts), gsi1pk: tookPartition(first), gsi1sk: id };
  const again = forgotten && {
    text: "#closed = :one AND #lives = :lives",
    values: { one: 1, lives: forgotten.lives },
  };
  return [
    { put: { ...reservationKey(id), ...known }, when: again ?? ABSENT },
    { put: { ...openKey(id), lease: leaseUntil, held: text, version: 0 }, when: ABSENT },
    ...held.map(({ account, amount }, at) =>
      moving(
        account,
        { reserved: amount, free: -amount, holders: 1 },
        { text: "#free >= :amount AND #life = :life", values: { amount, life: (accounts[at] as Account).life } },
      ),
    ),
  ];
}

export function charging(open: Open, charged: readonly number[], leaseUntil: number): Change[] {
  const accounts = open.held.flatMap(({ account, charged: before }, at) => {
    const more = (charged[at] as number) - before;
    return more === 0 ? [] : [moving(account, { reserved: -more, settled: more }, OPENED)];
  });
  const values = { lease: leaseUntil, held: JSON.stringify(heldAfter(open, charged)), next: open.version + 1 };
  const set = { text: "SET #lease = :lease, #held = :held, #version = :next", values };
  return [{ key: openKey(open.id), set, when: unchanged(open) }, ...accounts];
}

export function closing(open: Open, charged: readonly number[]): Change[] {
  const held = JSON.stringify(heldAfter(open, charged));
  return [
    { key: openKey(open.id), remove: true, when: unchanged(open) },
    {
      key: reservationKey(open.id),
      set: { text: "SET #closed = :one, #held = :held", values: { one: 1, held } },
      when: OPENED,
    },
    ...open.held.map(({ account, amount, charged: before }, at) => {
      const now = charged[at] as number;
      const by = { reserved: before - amount, settled: now - before, free: amount - now, holders: -1 };
      return moving(account, by, OPENED);
    }),
  ];
}

export const unchanged = ({ version }: Open): Condition => ({ text: "#version = :version", values: { version } });

/** An update of a row that is gone would make a broken one. */
const OPENED: Condition = { text: "attribute_exists(#pk)" };

function moving(account: string, by: Record<string, number>, when: Condition): Change {
  const changed = Object.entries(by).filter(([, amount]) => amount !== 0);
  const text = changed.map(([name]) => `#${name} = #${name} + :by_${name}`).join(", ");
  const values: Record<string, Value> = Object.fromEntries(changed.map(([name, amount]) => [`by_${name}`, amount]));
  return { key: accountKey(account), set: { text: `SET ${text}`, values }, when };
}

function heldAfter({ held }: Open, charged: readonly number[]): HeldAmount[] {
  return held.map((part, at) => ({ ...part, charged: charged[at] as number }));
}
