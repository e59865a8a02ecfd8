/** The history of an execution, as the port has it. */
import { GetExecutionHistoryCommand, type SFNClient, type HistoryEvent as SfnEvent } from "@aws-sdk/client-sfn";
import type { HistoryEvent, Json } from "../../../shared/ports/orchestrator.ts";

/** The most Step Functions gives at once; always the same, for its page tokens hold only with it. */
const PAGE_EVENTS = 1000;
/** Executions whose page tokens are remembered (our choice); one without them is read from its first page. */
const REMEMBERED = 200;

/** What the port tells of an event's own details: errors, sizes and numbers. Inputs and outputs stay in Step Functions. */
function detailsOf(event: SfnEvent): { [field: string]: Json } | undefined {
  const found = Object.entries(event).find(([field]) => field.endsWith("EventDetails"));
  const { error, cause, length, index } = (found?.[1] ?? {}) as Record<string, unknown>;
  if (error !== undefined || cause !== undefined) return { error: String(error ?? ""), cause: String(cause ?? "") };
  if (typeof length === "number") return { items: length };
  return typeof index === "number" ? { index } : undefined;
}

/** Only entering and leaving name their state; what happens between points back to what came before it. */
function toHistory(events: readonly SfnEvent[]): HistoryEvent[] {
  const states = new Map<number, string>();
  return events.map((event) => {
    const { id = 0, type = "", timestamp, previousEventId = 0 } = event;
    const named = event.stateEnteredEventDetails?.name ?? event.stateExitedEventDetails?.name;
    const state = type.startsWith("Execution") ? undefined : (named ?? states.get(previousEventId));
    if (state !== undefined) states.set(id, state);
    const details = detailsOf(event);
    return {
      id,
      at: timestamp?.getTime() ?? 0,
      type,
      ...(state === undefined ? {} : { state }),
      ...(details === undefined ? {} : { details }),
    };
  });
}

type Page = { events: SfnEvent[]; next: string | undefined };

async function readPage(
  client: SFNClient,
  executionArn: string,
  token: string | undefined,
  reverse: boolean,
): Promise<Page> {
  const answer = await client.send(
    new GetExecutionHistoryCommand({
      executionArn,
      maxResults: PAGE_EVENTS,
      reverseOrder: reverse,
      includeExecutionData: false,
      ...(token === undefined ? {} : { nextToken: token }),
    }),
  );
  return { events: answer.events ?? [], next: answer.nextToken };
}

/** All events, newest first, a page at a time. */
export async function* newestFirst(client: SFNClient, executionArn: string): AsyncIterable<SfnEvent> {
  let token: string | undefined;
  do {
    const page = await readPage(client, executionArn, token, true);
    yield* page.events;
    token = page.next;
  } while (token !== undefined);
}

/** Where a page begins: at the event after `after`. */
type Mark = { after: number; token: string | undefined };
const FIRST: Mark = { after: 0, token: undefined };

/**
 * Reads on from anywhere. Step Functions finds its way only by page tokens, so those of full pages are remembered: whoever
 * asks for the newest events again and again pays one request each time. A token that has expired (24 h) is found anew.
 */
export class History {
  readonly #client: SFNClient;
  readonly #marks = new Map<string, Mark[]>();

  constructor(client: SFNClient) {
    this.#client = client;
  }

  async read(executionArn: string, page: { after: number; limit: number }): Promise<HistoryEvent[]> {
    try {
      return await this.#read(executionArn, page);
    } catch (error) {
      if ((error as Error).name !== "InvalidToken" || !this.#marks.delete(executionArn)) throw error;
      return this.#read(executionArn, page);
    }
  }

  async #read(executionArn: string, { after, limit }: { after: number; limit: number }): Promise<HistoryEvent[]> {
    const found: HistoryEvent[] = [];
    let mark: Mark | undefined = this.#marksOf(executionArn).findLast((known) => known.after <= after) ?? FIRST;
    while (mark !== undefined && found.length < limit) {
      const { events, next } = await readPage(this.#client, executionArn, mark.token, false);
      found.push(...toHistory(events).filter(({ id }) => id > after));
      mark = next === undefined ? undefined : { after: events.at(-1)?.id ?? mark.after, token: next };
      if (mark !== undefined) this.#remember(executionArn, mark);
    }
    return found.slice(0, limit);
  }

  #marksOf(executionArn: string): Mark[] {
    return this.#marks.get(executionArn) ?? [];
  }

  #remember(executionArn: string, mark: Mark): void {
    const marks = this.#marksOf(executionArn).filter(({ after }) => after !== mark.after);
    this.#marks.delete(executionArn);
    this.#marks.set(
      executionArn,
      [...marks, mark].sort((a, b) => a.after - b.after),
    );
    if (this.#marks.size > REMEMBERED) this.#marks.delete(this.#marks.keys().next().value as string);
  }
}
