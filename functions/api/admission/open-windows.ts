/** Accounts are opened as they are needed, and forgotten when they are old. */
import type { Ledger, LedgerRow, Reservation, Reserved } from "../../../shared/ports/ledger.ts";
import type { Limits } from "../../../shared/schemas/service.ts";
import type { Rows } from "./answers.ts";
import { budgetsOf, dayOf, oldAccounts, type WindowName, type Windows } from "./windows.ts";

/** Nobody looks for the dead more often. Our choice: a flood of refused requests shall not write to the store. */
const EXPIRE_EVERY_MS = 1000;

export type OpenWindows = ReturnType<typeof openWindows>;

/** @param prefix how the ids of the reservations begin that `expire` may close */
export function openWindows(ledger: Ledger, prefix: string) {
  /** Accounts that this process has opened this minute, with their budgets. */
  const opened = new Map<string, { budget: number; opening: Promise<unknown> }>();
  let [minute, day, expiredAt] = [Number.NaN, "", Number.NEGATIVE_INFINITY];

  function open(account: string, budget: number): Promise<unknown> {
    const known = opened.get(account);
    if (known?.budget === budget) return known.opening;
    const opening = ledger.open(account, budget);
    opened.set(account, { budget, opening });
    opening.catch(() => opened.delete(account));
    return opening;
  }

  async function openAll(windows: Partial<Windows>, limits: Limits | undefined): Promise<void> {
    const budgets = budgetsOf(limits);
    await Promise.all(Object.entries(windows).map(([name, account]) => open(account, budgets[name as WindowName])));
  }

  return {
    /** Reserves from accounts that are opened with the principal's limits where they are not. */
    async reserve(windows: Partial<Windows>, limits: Limits | undefined, reservation: Reservation): Promise<Reserved> {
      await openAll(windows, limits);
      try {
        return await ledger.reserve(reservation);
      } catch {
        // Another process may have pruned an account since; whatever else it was comes again.
        for (const account of Object.values(windows)) opened.delete(account);
        await openAll(windows, limits);
        return ledger.reserve(reservation);
      }
    },

    /** As they are; one that is not open yet is untouched. */
    async rows(windows: Windows, limits: Limits | undefined): Promise<Rows> {
      const budgets = budgetsOf(limits);
      const rows = Object.entries(windows).map(async ([name, account]): Promise<[string, LedgerRow]> => {
        const untouched = { account, budget: budgets[name as WindowName], reserved: 0, settled: 0 };
        return [name, (await ledger.read(account)) ?? untouched];
      });
      return Object.fromEntries(await Promise.all(rows)) as Rows;
    },

    /** True when reservations of the dead were closed. */
    async expire(now: number): Promise<boolean> {
      if (now < expiredAt + EXPIRE_EVERY_MS) return false;
      expiredAt = now;
      return (await ledger.expire(now, prefix)).length > 0;
    },

    /** Forgets old accounts and closes what the dead hold, once a minute. */
    async keepHouse(now: number): Promise<void> {
      const thisMinute = Math.floor(now / 60_000);
      if (thisMinute === minute) return;
      minute = thisMinute;
      opened.clear();
      const old = oldAccounts(now);
      const ranges = dayOf(now) === day ? old.everyMinute : [...old.everyMinute, ...old.everyDay];
      day = dayOf(now);
      await ledger.expire(now, prefix);
      for (const { prefix: begin, before } of ranges) await ledger.prune(begin, before);
    },
  };
}
