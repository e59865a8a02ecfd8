/** Something that waits for its turn. `cost`: > 0, in the unit of the quantum. */
export type Item<T> = { cost: number; value: T };
export type Taken<T> = Item<T> & { flow: string };

/**
 * Deals capacity between flows by deficit round robin (Shreedhar & Varghese, "Efficient fair queueing using deficit round
 * robin", SIGCOMM 1995): each turn adds quantum × weight to a flow's deficit, and the flow is served as long as the
 * deficit covers its next item. Two flows that began to wait together differ in served cost ÷ weight by at most one
 * quantum and one largest item ÷ weight; over any part of that time by one more largest item ÷ weight. A flow that has
 * nothing left is forgotten with its deficit, and one that comes is put last with none: neither idleness nor leaving and
 * coming back wins anything. O(1) an item where quantum × weight ≥ its cost; a costlier one takes several turns.
 */
export class DeficitRoundRobin<T> {
  readonly #quantum: number;
  readonly #flows = new Map<string, Flow<T>>(); // those with items
  readonly #turns = new Fifo<Flow<T>>();
  #begun = false; // the first flow has been given the quantum of its turn
  #waiting = 0;

  /** @param quantum > 0: what a turn is worth to a flow of weight 1 */
  constructor(quantum: number) {
    this.#quantum = positive("quantum", quantum);
  }

  /** Cost of everything that waits. */
  get waiting(): number {
    return this.#flows.size === 0 ? 0 : this.#waiting;
  }

  /** Puts items at the end of a flow's queue. `weight` > 0 holds from then on: a flow of weight 2 is served twice as much. */
  add(name: string, items: readonly Item<T>[], weight = 1): void {
    positive("weight", weight);
    for (const { cost } of items) positive("cost", cost);
    if (items.length === 0) return;
    const flow = this.#flows.get(name) ?? this.#join(name);
    flow.weight = weight;
    for (const item of items) {
      flow.items.push(item);
      this.#waiting += item.cost;
    }
  }

  /**
   * The next items in turn as long as their costs together fit into `capacity`. An item that does not fit ends the call
   * and comes first in the next one: nothing smaller overtakes it. A turn that is cut short goes on, too.
   */
  take(capacity: number): Taken<T>[] {
    const taken: Taken<T>[] = [];
    let left = capacity;
    for (let flow = this.#nextFlow(); flow && flow.items.first!.cost <= left; flow = this.#nextFlow()) {
      const item = this.#serve(flow);
      left -= item.cost;
      taken.push({ ...item, flow: flow.name });
    }
    return taken;
  }

  /** Takes waiting items of a flow out of its queue, in their order. */
  remove(name: string, unwanted: (value: T) => boolean): Item<T>[] {
    const flow = this.#flows.get(name);
    if (!flow) return [];
    const removed: Item<T>[] = [];
    for (const item of [...flow.items.drain()]) {
      if (unwanted(item.value)) removed.push(item);
      else flow.items.push(item);
    }
    for (const { cost } of removed) this.#waiting -= cost;
    if (flow.items.first === undefined) this.#flows.delete(name); // its turn is skipped; when it comes again it is new
    return removed;
  }

  #join(name: string): Flow<T> {
    if (this.#flows.size === 0) this.#waiting = 0; // sums of fractions drift
    const flow: Flow<T> = { name, weight: 1, deficit: 0, items: new Fifo() };
    this.#flows.set(name, flow);
    this.#turns.push(flow);
    return flow;
  }

  /** The flow whose deficit covers its next item. One that must save first goes to the end. */
  #nextFlow(): Flow<T> | undefined {
    for (let flow = this.#turns.first; flow; flow = this.#turns.first) {
      const item = flow.items.first;
      if (item && !this.#begun) flow.deficit += this.#quantum * flow.weight;
      this.#begun = true;
      if (item && flow.deficit >= item.cost) return flow;
      this.#endTurn();
      if (item) this.#turns.push(flow);
    }
    return undefined;
  }

  #serve(flow: Flow<T>): Item<T> {
    const item = flow.items.shift()!;
    flow.deficit -= item.cost;
    this.#waiting -= item.cost;
    if (flow.items.first === undefined) {
      this.#flows.delete(flow.name);
      this.#endTurn();
    }
    return item;
  }

  #endTurn(): void {
    this.#turns.shift();
    this.#begun = false;
  }
}

type Flow<T> = { name: string; weight: number; deficit: number; items: Fifo<Item<T>> };

type Link<T> = { value: T; next?: Link<T> };

/** A linked list: what was taken is not kept, and both ends cost the same however long it is. */
class Fifo<T> {
  #head: Link<T> | undefined;
  #tail: Link<T> | undefined;

  get first(): T | undefined {
    return this.#head?.value;
  }

  push(value: T): void {
    const link: Link<T> = { value };
    if (this.#tail) this.#tail.next = link;
    else this.#head = link;
    this.#tail = link;
  }

  shift(): T | undefined {
    const first = this.#head;
    this.#head = first?.next;
    if (!this.#head) this.#tail = undefined;
    return first?.value;
  }

  *drain(): Generator<T> {
    for (let value = this.shift(); value !== undefined; value = this.shift()) yield value;
  }
}

function positive(name: string, value: number): number {
  if (value > 0 && Number.isFinite(value)) return value;
  throw new RangeError(`${name}: must be a number above 0, not ${value}`);
}
