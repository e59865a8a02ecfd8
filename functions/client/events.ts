/** A run's events over HTTP, for as long as somebody listens. */
import type { RunEvent } from "../../shared/schemas/events.ts";
import { ServiceError, serviceError } from "./problem.ts";

/** `seq` counts from 1 in each run without gaps; `at`: ms since 1970. */
export type ToldEvent = { seq: number; event: RunEvent & { at: number } };

export type EventSource = {
  /** Opens the stream of events after `lastEventId`. */
  open: (lastEventId: number, signal: AbortSignal) => Promise<Response>;
  signal: AbortSignal;
  /** Waits between connections; with the number of those that failed one after the other. */
  wait?: (failures: number, signal: AbortSignal) => Promise<void>;
};

const FIRST_WAIT_MS = 500; // our choice
const LONGEST_WAIT_MS = 15_000; // our choice

/**
 * Every event after `after`, once and in order, over as many connections as it takes. A refusal of the service (4xx) is a
 * ServiceError; lost connections and answers from 500 on are tried again. Ends when `signal` is aborted.
 */
export async function* eventsAfter(after: number, source: EventSource): AsyncGenerator<ToldEvent> {
  const { signal, wait = waitLonger } = source;
  let last = after;
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      for await (const told of connection(last, source)) {
        last = told.seq;
        failures = 0;
        yield told;
      }
    } catch (error) {
      throwRefusal(error, signal);
    }
    if (!signal.aborted) await wait(failures, signal);
  }
}

/** What no second try would change. */
function throwRefusal(error: unknown, { aborted }: AbortSignal): void {
  const status = error instanceof ServiceError ? error.problem.status : undefined;
  if (!aborted && status !== undefined && status < 500 && status !== 429) throw error;
}

async function* connection(last: number, { open, signal }: EventSource): AsyncGenerator<ToldEvent> {
  const response = await open(last, signal);
  if (!response.ok) throw await serviceError(response);
  if (response.body === null) return;
  for await (const block of blocksOf(response.body)) {
    const told = eventOf(block);
    if (told !== undefined) yield told;
  }
}

/** Events are blocks of lines with an empty line between them. */
async function* blocksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = body.getReader(); // Safari has no async iteration of streams
  let rest = "";
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const blocks = (rest + decoder.decode(read.value, { stream: true })).split("\n\n");
      rest = blocks.pop() ?? "";
      yield* blocks;
    }
  } finally {
    await reader.cancel().catch(() => {}); // a connection that broke cannot be cancelled
  }
}

/** `undefined` for comments and `retry`. */
function eventOf(block: string): ToldEvent | undefined {
  const fields = new Map(block.split("\n").map((line) => splitAt(line, line.indexOf(": "))));
  const [id, data] = [fields.get("id"), fields.get("data")];
  return id === undefined || data === undefined ? undefined : { seq: Number(id), event: JSON.parse(data) };
}

const splitAt = (line: string, at: number): [string, string] => [line.slice(0, at), line.slice(at + 2)];

/** Doubles from half a second to 15 s. */
function waitLonger(failures: number, signal: AbortSignal): Promise<void> {
  const ms = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.max(0, failures - 1));
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const stop = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", stop, { once: true });
  });
}
