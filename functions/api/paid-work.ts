/** Work of one request that is paid while it is done: how long it lives, and what it tells of its money. */
import type { Clock } from "../../shared/ports/clock.ts";
import type { Purse, PurseLimit } from "../trust/purse.ts";
import type { Ticket } from "./admission/admission.ts";

export type Life = {
  /** Raised when the work shall stop. */
  signal: AbortSignal;
  /** Raised when nothing waits for it any more. */
  over: AbortSignal;
  end: () => void;
};

/** What stopped work throws: when the client has gone, and when the embedded engine's time is used up. */
export type Endings = { gone: () => Error; late: (seconds: number) => Error };

/** Ends with the client's connection, with `end`, or when the embedded engine's time is used up. */
export function lifeOf(
  { computeSeconds }: PurseLimit,
  client: AbortSignal,
  { clock, gone, late }: Endings & { clock: Clock },
): Life {
  const over = new AbortController();
  const end = () => over.abort(gone());
  if (client.aborted) end();
  else client.addEventListener("abort", end, { once: true });
  if (computeSeconds === 0) return { signal: over.signal, over: over.signal, end };
  const tooLate = new AbortController();
  const stop = () => tooLate.abort(late(computeSeconds));
  clock.sleep(computeSeconds * 1000, over.signal).then(stop, () => {}); // ends early with the work
  return { signal: AbortSignal.any([over.signal, tooLate.signal]), over: over.signal, end };
}

/** How often what was spent so far is told: what a crash can hide. Our choice. */
const CHARGE_EVERY_MS = 5000;

/**
 * Tells what is spent while it is spent; this also keeps the reservation alive. Whatever ends it, the end of the work
 * settles.
 */
export function chargeWhile(
  life: Life,
  { ticket, purse, clock }: { ticket: Ticket; purse: Purse; clock: Clock },
): void {
  const charging = async () => {
    for (;;) {
      await clock.sleep(CHARGE_EVERY_MS, life.over);
      await ticket.charge(purse.spent());
    }
  };
  charging().catch(() => {});
}
