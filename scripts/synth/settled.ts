/** Knows when a synthesis is complete: Pulumi's mocks do not wait for bundles that are still being made. */
import { setTimeout as wait } from "node:timers/promises";
import type { Resource } from "./mocks.ts";

const LOOK_MS = 25;
/** Looks in a row that find everything still: between two steps of the platform lies at most one disk write. */
const STILL = 12;
const LONGEST_MS = 300_000; // our choice: thirty times what it takes on two cores

export type Signs = {
  resources: readonly Resource[];
  /** Bundles that are being made. */
  building: () => number;
  /** Promises of Pulumi's that have not ended. */
  pending: () => number;
};

/**
 * Returns once every function has become a resource and nothing moves any more.
 * @throws Error of a promise that nobody waits for, as Pulumi leaves them, and when nothing happens for long
 */
export async function settled(signs: Signs): Promise<void> {
  let fail: (error: unknown) => void = () => {};
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  process.on("unhandledRejection", fail);
  try {
    await Promise.race([failure, still(signs)]);
  } finally {
    process.off("unhandledRejection", fail);
  }
}

async function still({ resources, building, pending }: Signs): Promise<void> {
  let [quiet, before] = [0, -1];
  for (let waited = 0; quiet < STILL; waited += LOOK_MS) {
    const missing = unmade(resources);
    const moving = building() > 0 || pending() > 0 || missing.length > 0 || resources.length !== before;
    quiet = moving ? 0 : quiet + 1;
    before = resources.length;
    if (waited > LONGEST_MS)
      throw new Error(`the synthesis does not end; functions without a resource: ${missing.join(", ")}`);
    await wait(LOOK_MS);
  }
}

/** SST's functions that are no Lambda function yet. */
function unmade(resources: readonly Resource[]): string[] {
  const made = new Set(resources.filter(({ type }) => type === "aws:lambda/function:Function").map(({ name }) => name));
  const wanted = resources.filter(({ type }) => type === "sst:aws:Function").map(({ name }) => name);
  return wanted.filter((name) => !made.has(`${name}Function`));
}
