import type { DatabaseSync } from "node:sqlite";
import type { EventLog } from "../../../shared/ports/service-store.ts";
import type { EventRow } from "../../../shared/schemas/service.ts";
import { checkLimit } from "../paging.ts";
import { type RunWaiters, runWaiters } from "../run-waiters.ts";
import type { Write } from "./group-commit.ts";

export function sqliteEvents(database: DatabaseSync, write: Write): EventLog {
  const insert = database.prepare("INSERT INTO events (run_id, seq, at, event) VALUES (?, ?, ?, ?)");
  const last = database.prepare("SELECT max(seq) AS seq FROM events WHERE run_id = ?");
  const select = database.prepare("SELECT * FROM events WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?");
  const lastOf = (runId: string): number => Number(last.get(runId)?.["seq"] ?? 0);
  const waiters = runWaiters();
  const watchFile = watchOtherWriters(database, waiters);

  return {
    async append(runId, events) {
      const seq = await write(() => {
        const before = lastOf(runId);
        for (const [index, { at, event }] of events.entries()) {
          insert.run(runId, before + 1 + index, at, JSON.stringify(event));
        }
        return before + events.length;
      });
      if (events.length > 0) waiters.wake(runId);
      return seq;
    },
    async read(runId, { after, limit }) {
      return select.all(runId, after, checkLimit(limit)).map(eventFrom);
    },
    async changed(runId, after, signal) {
      // Watching begins before the look and nothing awaits between look and wait, so no append falls in between.
      const stopWatching = watchFile();
      try {
        if (lastOf(runId) <= after) await waiters.wait(runId, signal);
      } finally {
        stopWatching();
      }
    },
  };
}

function eventFrom(found: Record<string, unknown>): EventRow {
  const { run_id, seq, at, event } = found as { run_id: string; seq: number; at: number; event: string };
  return { runId: run_id, seq, at, event: JSON.parse(event) };
}

const POLL_MS = 250; // our choice

/**
 * SQLite tells nobody when another process writes, but `data_version` (sqlite.org/pragma.html) then differs, and reading
 * it touches no table. One timer for all who wait, and none while nobody does.
 * @returns starts watching for one more; what it returns ends that
 */
function watchOtherWriters(database: DatabaseSync, waiters: RunWaiters): () => () => void {
  const statement = database.prepare("PRAGMA data_version");
  const readVersion = () => statement.get()?.["data_version"];
  let watching = 0;
  let seen: unknown;
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    const version = database.isOpen ? readVersion() : "closed";
    if (version === seen) return;
    seen = version;
    waiters.wakeAll();
  }

  return () => {
    if (watching++ === 0) {
      seen = readVersion();
      timer = setInterval(look, POLL_MS);
    }
    return () => {
      if (--watching === 0) clearInterval(timer);
    };
  };
}
