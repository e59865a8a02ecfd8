/** Puts what runs tell into the event log: in order, and thinned out where only the newest sum matters. */
import type { Clock } from "../../shared/ports/clock.ts";
import type { EventLog } from "../../shared/ports/service-store.ts";
import type { EventSink, RunEvent } from "../../shared/schemas/events.ts";

export type RunSink = {
  emit: EventSink;
  /** Resolves when everything emitted so far is in the log; rejects when the log could not be written. */
  flush(): Promise<void>;
};

/** Replies come by the thousand: the log gets their sums this often. Our choice: four a second look continuous. */
const TELL_EVERY_MS = 250;

type Entry = { at: number; event: RunEvent };

/** One sink per run, the same one whoever asks: the order of a run's events is the order of `emit`. */
export function openEventSinks(log: Pick<EventLog, "append">, clock: Clock): { of(runId: string): RunSink } {
  const sinks = new Map<string, RunSink>();
  return {
    of(runId) {
      const known = sinks.get(runId) ?? runSink((entries) => log.append(runId, entries), clock);
      sinks.set(runId, known);
      return known;
    },
  };
}

/** `replies` are added up by stage and of `money` the last one stays, until something else happens or time is up. */
function runSink(append: (entries: Entry[]) => Promise<unknown>, clock: Clock): RunSink {
  const held = new Map<string, Entry>();
  let ready: Entry[] = [];
  let writing: Promise<void> = Promise.resolve();

  function release(): void {
    ready.push(...held.values());
    held.clear();
  }

  /** Everything that is ready goes into one append; what comes meanwhile, or could not be written, into the next. */
  function write(): Promise<void> {
    writing = writing.catch(() => undefined).then(appendReady);
    writing.catch(() => undefined); // told by flush
    return writing;
  }

  async function appendReady(): Promise<void> {
    const entries = ready;
    ready = [];
    if (entries.length === 0) return;
    try {
      await append(entries);
    } catch (error) {
      ready = [...entries, ...ready];
      throw error;
    }
  }

  function hold(name: string, entry: Entry): void {
    if (held.size === 0) clock.sleep(TELL_EVERY_MS).then(flush, () => undefined);
    held.set(name, added(held.get(name), entry));
  }

  function flush(): Promise<void> {
    release();
    return write();
  }

  return {
    emit(event) {
      const entry = { at: clock.now(), event };
      const name = heldAs(event);
      if (name !== undefined) return hold(name, entry);
      release();
      ready.push(entry);
      void write();
    },
    flush,
  };
}

/** Under which name an event waits for its like; `undefined` for one that is told at once. */
function heldAs(event: RunEvent): string | undefined {
  if (event.kind === "money") return "money";
  return event.kind === "replies" ? `replies ${event.passId} ${event.stage}` : undefined;
}

function added(before: Entry | undefined, entry: Entry): Entry {
  if (before?.event.kind !== "replies" || entry.event.kind !== "replies") return entry;
  const { event } = before;
  const { completed, cached } = entry.event;
  return { at: entry.at, event: { ...event, completed: event.completed + completed, cached: event.cached + cached } };
}
