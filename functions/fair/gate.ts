import { DeficitRoundRobin } from "../../shared/fair/deficit-round-robin.ts";
import type { BatchLine } from "../../shared/schemas/chat.ts";

export type GateLimits = {
  /** Most cost on the server at once. */
  inFlight: number;
  /** Places are given out when so much is free, or as much as all that waits needs: > 0, ≤ `inFlight`. */
  chunk: number;
};

export type Priced = { cost: number; line: BatchLine };

/** One call of a flow. It is told which of its lines may go, all at once that may go at the same moment. */
export type Caller = { flow: string; weight: number; enter: (granted: Priced[]) => void };

/** So many flows can be served from one chunk: our choice. */
const QUANTA_A_CHUNK = 4;

/** Places on a server, dealt between flows by deficit round robin. */
export class Gate {
  readonly #queue: DeficitRoundRobin<{ caller: Caller; line: BatchLine }>;
  readonly #limits: GateLimits;
  #inFlight = 0;
  #willLook = false;

  constructor(limits: GateLimits) {
    if (!(limits.chunk > 0 && limits.chunk <= limits.inFlight)) {
      throw new RangeError(`chunk: must be above 0 and at most inFlight (${limits.inFlight}), not ${limits.chunk}`);
    }
    this.#limits = limits;
    this.#queue = new DeficitRoundRobin(limits.chunk / QUANTA_A_CHUNK);
  }

  /** Puts lines in the queue of their caller's flow. What costs more than a chunk counts as one, so that it can ever go. */
  queue(caller: Caller, lines: readonly Priced[]): void {
    const { chunk } = this.#limits;
    const items = lines.map(({ cost, line }) => ({ cost: Math.min(cost, chunk), value: { caller, line } }));
    this.#queue.add(caller.flow, items, caller.weight);
    this.#look();
  }

  /** Takes the lines of a caller that still wait out of the queue. */
  withdraw(caller: Caller): BatchLine[] {
    const removed = this.#queue.remove(caller.flow, (waiting) => waiting.caller === caller);
    this.#look();
    return removed.map(({ value }) => value.line);
  }

  /** Gives a granted place back. */
  leave(cost: number): void {
    this.#inFlight -= cost;
    this.#look();
  }

  /** A moment later, so that all that happens together is seen together. */
  #look(): void {
    if (this.#willLook) return;
    this.#willLook = true;
    queueMicrotask(() => {
      this.#willLook = false;
      this.#grant();
    });
  }

  #grant(): void {
    const { inFlight, chunk } = this.#limits;
    const free = inFlight - this.#inFlight;
    if (free < Math.min(chunk, this.#queue.waiting)) return;
    const granted = this.#queue.take(free);
    for (const { cost } of granted) this.#inFlight += cost;
    for (const [caller, items] of Map.groupBy(granted, ({ value }) => value.caller)) {
      caller.enter(items.map(({ cost, value }) => ({ cost, line: value.line })));
    }
  }
}
