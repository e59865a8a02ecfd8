import type { EventLog } from "../../../shared/ports/service-store.ts";
import type { EventRow } from "../../../shared/schemas/service.ts";
import { checkLimit } from "../paging.ts";
import { runWaiters } from "../run-waiters.ts";

export function memoryEvents(): EventLog {
  /** Event `seq` lies at index `seq − 1`. */
  const logs = new Map<string, EventRow[]>();
  const waiters = runWaiters();

  return {
    async append(runId, events) {
      const log = logs.get(runId) ?? [];
      for (const { at, event } of events) log.push({ runId, seq: log.length + 1, at, event: structuredClone(event) });
      logs.set(runId, log);
      if (events.length > 0) waiters.wake(runId);
      return log.length;
    },
    async read(runId, { after, limit }) {
      checkLimit(limit);
      return structuredClone(logs.get(runId)?.slice(after, after + limit) ?? []);
    },
    async changed(runId, after, signal) {
      if ((logs.get(runId)?.length ?? 0) <= after) await waiters.wait(runId, signal);
    },
  };
}
