import type { CallStore } from "../../../shared/ports/calls.ts";
import type { CallRow } from "../../../shared/schemas/calls.ts";

/** Each try reads the row anew; so many at once means that something else is wrong. Our choice. */
const TRIES = 20;

/** `left`: nothing was written; `row` is how it stands, `undefined` for an unknown call. */
export type Changed = { outcome: "changed"; row: CallRow } | { outcome: "left"; row: CallRow | undefined };

/**
 * Changes a call's row by one conditional write, whatever else changes it at the same time.
 * @param next the row after the change; `undefined` leaves it as it is
 */
export async function changeCall(
  call: string,
  calls: Pick<CallStore, "get" | "update">,
  next: (row: CallRow) => CallRow | undefined,
): Promise<Changed> {
  for (let tried = 0; tried < TRIES; tried++) {
    const row = await calls.get(call);
    const changed = row && next(row);
    if (changed === undefined) return { outcome: "left", row };
    const written = await calls.update(changed);
    if (written.outcome === "written") return { outcome: "changed", row: written.row };
  }
  throw new Error(`call ${call}: its row was changed by others ${TRIES} times in a row; try again later`);
}
