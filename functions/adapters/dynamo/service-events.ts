import type { EventLog } from "../../../shared/ports/service-store.ts";
import type { EventRow } from "../../../shared/schemas/service.ts";
import { checkLimit } from "../paging.ts";
import { chunksOf } from "./batches.ts";
import { eventKey, eventsPartition, sortable } from "./dynamo-keys.ts";
import { ABSENT, type Item } from "./items.ts";
import type { TableRows } from "./table-rows.ts";

const MOST_AT_ONCE = 100; // of one transaction
const POLL_MS = 500; // our choice: half a read unit each

/** `seq` is the sort key: whoever writes the next one first has it, and the others begin again after it. */
export function dynamoEvents(rows: TableRows): EventLog {
  async function lastOf(runId: string, eventual: boolean): Promise<number> {
    const { items } = await rows.query({ pk: eventsPartition(runId), descending: true, limit: 1, eventual });
    return items[0] === undefined ? 0 : eventFrom(runId, items[0]).seq;
  }

  async function appendTogether(runId: string, events: readonly Omit<EventRow, "runId" | "seq">[]): Promise<number> {
    for (;;) {
      const before = await lastOf(runId, false);
      const puts = events.map(({ at, event }, index) => {
        const seq = before + 1 + index;
        return { ...eventKey(runId, seq), seq, at, event: JSON.stringify(event) };
      });
      const [only] = puts;
      const one = only !== undefined && puts.length === 1; // alone it costs half
      const written = one
        ? await rows.put(only, ABSENT)
        : await rows.transact(puts.map((put) => ({ put, when: ABSENT })));
      if (written.outcome === "written") return before + events.length;
    }
  }

  return {
    append: (runId, events) =>
      rows.lanes([`events ${runId}`], async () => {
        if (events.length === 0) return lastOf(runId, false);
        let last = 0;
        for (const chunk of chunksOf(events, MOST_AT_ONCE)) last = await appendTogether(runId, chunk);
        return last;
      }),
    async read(runId, { after, limit }) {
      checkLimit(limit);
      const items = await rows.queryAll({ pk: eventsPartition(runId), after: sortable(after), limit });
      return items.map((item) => eventFrom(runId, item));
    },
    async changed(runId, after, signal) {
      while (!signal.aborted && (await lastOf(runId, true)) <= after) {
        try {
          await rows.patience.clock.sleep(POLL_MS, signal);
        } catch (error) {
          if (!signal.aborted) throw error;
        }
      }
    },
  };
}

function eventFrom(runId: string, item: Item): EventRow {
  return { runId, seq: item["seq"] as number, at: item["at"] as number, event: JSON.parse(item["event"] as string) };
}
