/** Counters of a simulated run. */
import type { AwsItem, Bill } from "./bill.ts";
import type { EventQueue } from "./events.ts";
import type { World } from "./figures.ts";

const WRITES_WINDOW = 10; // seconds: DynamoDB smooths shorter bursts

export type Meters = {
  add(item: AwsItem, amount: number): void;
  /** @returns seconds until the table has taken them, behind those that came before */
  writes(units: number): number;
  lambda(seconds: number, gigabytes: number): void;
  /** Counted as stored for a month. */
  put(kilobytes: number): void;
  began(): void;
  called(): void;
  lost(): void;
  /** Told once. */
  breaks(limit: string): void;
  calls(): number;
  lostCallbacks(): number;
  dispatched(): number[];
  peakWrites(): number;
  broken(): string[];
};

export function openMeters(queue: EventQueue, bill: Bill, { tableWrites }: World): Meters {
  const minutes: number[] = [];
  const windows = new Map<number, number>();
  let tableFreeAt = 0;
  const broken = new Set<string>();
  const many = { calls: 0, lost: 0 };
  const add = (item: AwsItem, amount: number) => {
    bill.aws[item] += amount;
  };

  function writes(units: number): number {
    add("dynamoWrites", units);
    const from = Math.max(queue.now(), tableFreeAt);
    tableFreeAt = from + units / tableWrites;
    const first = Math.floor(from / WRITES_WINDOW);
    const last = Math.floor(tableFreeAt / WRITES_WINDOW);
    for (let at = first; at <= last; at++) windows.set(at, (windows.get(at) ?? 0) + units / (last - first + 1));
    return tableFreeAt - queue.now();
  }

  return {
    add,
    writes,
    lambda(seconds, gigabytes) {
      add("lambdaCalls", 1);
      add("lambdaGigabyteSeconds", seconds * gigabytes);
    },
    put(kilobytes) {
      add("s3Writes", 1);
      add("s3GigabyteMonths", kilobytes / 1e6);
    },
    began() {
      const minute = Math.floor(queue.now() / 60);
      while (minutes.length <= minute) minutes.push(0);
      minutes[minute]!++;
    },
    called: () => void many.calls++,
    lost: () => void many.lost++,
    breaks: (limit) => void broken.add(limit),
    calls: () => many.calls,
    lostCallbacks: () => many.lost,
    dispatched: () => minutes,
    peakWrites: () => [...windows.values()].reduce((most, units) => Math.max(most, units), 0) / WRITES_WINDOW,
    broken: () => [...broken],
  };
}
