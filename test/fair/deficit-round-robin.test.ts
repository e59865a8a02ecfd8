import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DeficitRoundRobin, type Item } from "../../shared/fair/deficit-round-robin.ts";

const item = (value: string, cost = 1): Item<string> => ({ cost, value });
const values = (taken: readonly { value: string }[]): string[] => taken.map(({ value }) => value);

describe("deficit round robin", () => {
  test("serves flows in turn, a quantum each, each flow first come first served", () => {
    const queue = new DeficitRoundRobin<string>(2);
    queue.add(
      "a",
      ["a1", "a2", "a3", "a4", "a5"].map((name) => item(name)),
    );
    queue.add(
      "b",
      ["b1", "b2", "b3"].map((name) => item(name)),
    );
    assert.deepEqual(values(queue.take(100)), ["a1", "a2", "b1", "b2", "a3", "a4", "b3", "a5"]);
    assert.equal(queue.waiting, 0);
  });

  test("serves a flow of weight 2 twice as much", () => {
    const queue = new DeficitRoundRobin<string>(1);
    queue.add(
      "heavy",
      ["h1", "h2", "h3", "h4"].map((name) => item(name)),
      2,
    );
    queue.add(
      "light",
      ["l1", "l2"].map((name) => item(name)),
    );
    assert.deepEqual(values(queue.take(6)), ["h1", "h2", "l1", "h3", "h4", "l2"]);
  });

  test("lets nothing overtake an item that does not fit, and goes on with it", () => {
    const queue = new DeficitRoundRobin<string>(10);
    queue.add("a", [item("large", 8), item("small", 1)]);
    queue.add("b", [item("tiny", 1)]);
    assert.deepEqual(values(queue.take(7)), []);
    assert.deepEqual(values(queue.take(9)), ["large", "small"]);
    assert.deepEqual(values(queue.take(1)), ["tiny"]);
  });

  test("gives a late flow no credit for the past, and its share from then on", () => {
    const queue = new DeficitRoundRobin<string>(1);
    queue.add(
      "early",
      Array.from({ length: 100 }, (_, at) => item(`e${at}`)),
    );
    queue.take(50);
    queue.add(
      "late",
      Array.from({ length: 100 }, (_, at) => item(`l${at}`)),
    );
    const served = values(queue.take(20)).filter((name) => name.startsWith("l"));
    assert.equal(served.length, 10);
  });

  test("keeps no deficit for a flow that has nothing left", () => {
    const queue = new DeficitRoundRobin<string>(5);
    queue.add("a", [item("a1", 1)]); // would leave 4
    queue.take(1);
    queue.add("b", [item("b1", 5), item("b2", 5)]);
    queue.add("a", [item("a2", 5), item("a3", 5)]);
    assert.deepEqual(values(queue.take(100)), ["b1", "a2", "b2", "a3"]);
  });

  test("forgets what is removed, and puts a flow that comes again last", () => {
    const queue = new DeficitRoundRobin<string>(1);
    queue.add("a", [item("a1"), item("a2")]);
    queue.add("b", [item("b1"), item("b2")]);
    assert.deepEqual(values(queue.remove("a", () => true)), ["a1", "a2"]);
    assert.equal(queue.waiting, 2);
    queue.add("a", [item("a3")]);
    assert.deepEqual(values(queue.take(100)), ["b1", "a3", "b2"]);
  });

  test("refuses quanta, costs and weights that nobody could serve", () => {
    assert.throws(() => new DeficitRoundRobin(0), /quantum: must be a number above 0, not 0/);
    const queue = new DeficitRoundRobin<string>(1);
    assert.throws(() => queue.add("a", [item("a1", Number.POSITIVE_INFINITY)]), /cost: .*Infinity/);
    assert.throws(() => queue.add("a", [item("a1")], -1), /weight: .*-1/);
    assert.deepEqual(queue.take(10), []);
  });
});

const FLOWS = ["a", "b", "c", "d"] as const;
const cost = fc.integer({ min: 1, max: 20 });
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("add"),
      flow: fc.constantFrom(...FLOWS),
      costs: fc.array(cost, { maxLength: 8 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("take"), capacity: fc.integer({ min: 0, max: 60 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("remove"),
      flow: fc.constantFrom(...FLOWS),
      every: fc.integer({ min: 1, max: 4 }),
    }),
  },
);
type Step =
  | { kind: "add"; flow: string; costs: number[] }
  | { kind: "take"; capacity: number }
  | { kind: "remove"; flow: string; every: number };
const quantum = fc.integer({ min: 1, max: 40 });

/** What should wait, beside the queue that is tested. */
function modelled(quantum: number) {
  const queue = new DeficitRoundRobin<number>(quantum);
  const waiting = new Map<string, Item<number>[]>(FLOWS.map((flow) => [flow, []]));
  let next = 0;
  return {
    add({ flow, costs }: Extract<Step, { kind: "add" }>): void {
      const items = costs.map((cost) => ({ cost, value: next++ }));
      queue.add(flow, items);
      waiting.get(flow)!.push(...items);
    },
    remove({ flow, every }: Extract<Step, { kind: "remove" }>): void {
      const unwanted = ({ value }: Item<number>) => value % every === 0;
      const removed = queue.remove(flow, (value) => value % every === 0);
      assert.deepEqual(removed, waiting.get(flow)!.filter(unwanted));
      waiting.set(
        flow,
        waiting.get(flow)!.filter((item) => !unwanted(item)),
      );
    },
    take({ capacity }: { capacity: number }): void {
      let left = capacity;
      for (const { flow, ...item } of queue.take(capacity)) {
        assert.deepEqual(item, waiting.get(flow)!.shift());
        left -= item.cost;
      }
      assert.ok(left >= 0);
      const heads = [...waiting.values()].flatMap(([head]) => (head ? [head.cost] : []));
      // Nothing is left waiting that would fit: the next in turn is one of the heads.
      if (heads.length > 0) assert.ok(Math.max(...heads) > left, `${left} left for ${heads}`);
    },
    check: () =>
      assert.equal(
        queue.waiting,
        [...waiting.values()].flat().reduce((sum, { cost }) => sum + cost, 0),
      ),
  };
}

/** Costs served to each of several flows that wait all the time: after each call of `take`. */
function servedOver({ size, weights, costs, takes }: Backlog): number[][] {
  const queue = new DeficitRoundRobin<number>(size);
  const enough = takes.reduce((sum, capacity) => sum + capacity, 1);
  weights.forEach((weight, flow) => {
    const costAt = (at: number) => costs[(at * (flow + 1)) % costs.length]!;
    const items = Array.from({ length: enough }, (_, at) => ({ cost: costAt(at), value: at }));
    queue.add(String(flow), items, weight);
  });
  const served = weights.map(() => 0);
  const history = [served.slice()];
  for (const capacity of takes) {
    for (const { flow, cost } of queue.take(capacity)) served[Number(flow)]! += cost;
    history.push(served.slice());
  }
  return history;
}

type Backlog = { size: number; weights: number[]; costs: number[]; takes: number[] };

describe("deficit round robin, whatever comes", () => {
  test("loses and doubles nothing, keeps each flow's order, and leaves nothing waiting that would fit", () => {
    fc.assert(
      fc.property(quantum, fc.array(step as fc.Arbitrary<Step>, { maxLength: 60 }), (size, steps) => {
        const model = modelled(size);
        for (const step of steps) {
          if (step.kind === "add") model.add(step);
          else if (step.kind === "remove") model.remove(step);
          else model.take(step);
          model.check();
        }
        model.take({ capacity: Number.MAX_SAFE_INTEGER });
        model.check();
      }),
    );
  });

  const backlog: fc.Arbitrary<Backlog> = fc.record({
    size: quantum,
    weights: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 2 }),
    costs: fc.array(cost, { minLength: 5, maxLength: 12 }),
    takes: fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 40 }),
  });

  test("serves flows that wait all the time alike, but for a quantum and the largest items", () => {
    fc.assert(
      fc.property(backlog, fc.nat(), ({ weights, ...rest }, from) => {
        const history = servedOver({ weights, ...rest });
        const [end, start] = [history.at(-1)!, history[0]!];
        const [light, heavy] = weights.toSorted((a, b) => a - b) as [number, number];
        const largest = Math.max(...rest.costs);
        const share = (flow: number, since: number[]) => (end[flow]! - since[flow]!) / weights[flow]!;
        const apart = (since: number[]) => Math.abs(share(0, since) - share(1, since));
        assert.ok(apart(start) <= rest.size + largest / light, `since both wait: ${apart(start)}`);
        const part = history[from % history.length]!;
        const bound = rest.size + largest / light + largest / heavy;
        assert.ok(apart(part) <= bound, `over a part of the time: ${apart(part)} > ${bound}`);
      }),
      { numRuns: 300 },
    );
  });
});
