/** A run's budget counts against the day of the key that created it, from its creation until it ends. */
import { MICROS_PER_USD } from "../../../shared/budget/prices.ts";
import type { Clock } from "../../../shared/ports/clock.ts";
import type { Ledger } from "../../../shared/ports/ledger.ts";
import type { Principal } from "./admission.ts";
import { freeIn } from "./answers.ts";
import type { OpenWindows } from "./open-windows.ts";
import { secondsLeft, windowsOf } from "./windows.ts";

export type Allotted =
  | { outcome: "allotted" }
  /** `leftUsdMicros`: what a run, or the raise of its budget, may still take today. */
  | { outcome: "over_day"; leftUsdMicros: number; message: string; retryAfterSeconds: number };

export type Allotments = {
  /** The run's whole budget; of a raised one the difference is taken from today. A lower one changes nothing. Safe to repeat. */
  allotRun(principal: Principal, runId: string, usdMicros: number): Promise<Allotted>;
  /**
   * The run has ended (finished, failed, cancelled) and spent this in all: the rest is free again on the days it was taken
   * from. A run that goes on afterwards is allotted anew. Safe to repeat.
   */
  settleRun(principal: Pick<Principal, "id">, runId: string, usdMicros: number): Promise<void>;
};

/**
 * Beside the day's account, each allotment takes from an account of the run's own, without a limit: its sum tells what is
 * allotted already. The ledger names a reservation by that sum, so that a raise that comes twice is one.
 */
export function runAllotments({ ledger, clock }: { ledger: Ledger; clock: Clock }, windows: OpenWindows): Allotments {
  const nameOf = (principalId: string, runId: string) => `allot/${principalId}/${runId}`;

  async function allotRun(principal: Principal, runId: string, usdMicros: number): Promise<Allotted> {
    const own = nameOf(principal.id, runId);
    for (let closed = 0; ; ) {
      const { settled, reserved } = await ledger.open(own, Number.MAX_SAFE_INTEGER);
      const more = usdMicros - settled - reserved;
      if (more <= 0) return { outcome: "allotted" };
      const now = clock.now();
      const { usd } = windowsOf(principal.id, now);
      const reservation = {
        id: `${own}/${settled + reserved}.${closed}`,
        amounts: [usd, own].map((account) => ({ account, amount: more })),
        leaseUntil: Number.MAX_SAFE_INTEGER, // a run takes days; its end is told by settleRun
      };
      const taken = await windows.reserve({ usd }, principal.limits, reservation);
      if (taken.outcome === "short") return overDay(usd, { more, now });
      if (taken.outcome === "already_closed") closed++; // the run had ended before with this sum
    }
  }

  async function overDay(usd: string, { more, now }: { more: number; now: number }): Promise<Allotted> {
    const row = await ledger.read(usd);
    const leftUsdMicros = row === undefined ? 0 : freeIn(row);
    const [wanted, left] = [more, leftUsdMicros].map((micros) => micros / MICROS_PER_USD);
    return {
      outcome: "over_day",
      leftUsdMicros,
      message: `${wanted} USD are more than the ${left} USD this key has left today (the day ends at 00:00 UTC)`,
      retryAfterSeconds: secondsLeft("day", now),
    };
  }

  async function settleRun({ id }: Pick<Principal, "id">, runId: string, usdMicros: number): Promise<void> {
    const own = nameOf(id, runId);
    let left = usdMicros - ((await ledger.read(own))?.settled ?? 0);
    for (const { id: reservation, amounts } of await ledger.held(`${own}/`)) {
      const amount = Math.max(0, Math.min(left, amounts[0]?.amount ?? 0));
      await ledger.settle(
        reservation,
        amounts.map(({ account }) => ({ account, amount })),
      );
      left -= amount;
    }
  }

  return { allotRun, settleRun };
}
