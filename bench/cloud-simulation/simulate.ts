/** A run on AWS and Modal in virtual time: what it takes, what it uses, what it would break. */
import { gpuOf } from "../../shared/budget/gpu-time.ts";
import { randomFrom } from "../../shared/random.ts";
import type { ModelRef, RunConfig } from "../../shared/schemas/config.ts";
import { type Bill, emptyBill } from "./bill.ts";
import { eventQueue } from "./events.ts";
import { WORLD, type World } from "./figures.ts";
import { openMeters } from "./meters.ts";
import { type Modal, type Pool, simulatedModal } from "./modal.ts";
import type { Parts } from "./parts.ts";
import { runRounds, type StageRun } from "./rounds.ts";
import type { Transitions } from "./transitions.ts";

export type Shape = {
  config: RunConfig;
  samples: number;
  seed: number;
  transitions: Transitions;
  world?: Partial<World>;
};

export type Simulation = {
  makespanSeconds: number;
  /** GPU work of each stage shared evenly by the containers it may have, one stage after the other. */
  idealSeconds: number;
  stages: StageRun[];
  /** Of all rounds, at the end of the last stage. */
  samplesScored: number;
  calls: number;
  lostCallbacks: number;
  preemptions: number;
  bill: Bill;
  /** By minute: children begun. */
  dispatched: number[];
  /** Highest rate of DynamoDB writes over ten seconds, units per second. */
  peakWrites: number;
  /** Limits that this run would meet on AWS, in words. */
  broken: string[];
};

export function simulate({ config, samples, seed, transitions, world: changed }: Shape): Simulation {
  const world = { ...WORLD, ...changed };
  const queue = eventQueue();
  const random = randomFrom(seed);
  const bill = emptyBill();
  const modal = simulatedModal({ queue, random, world, bill });
  const meters = openMeters(queue, bill, world);
  const parts: Parts = { config, world, modal, meters, random, queue, transitions, poolOf: poolsOf(modal) };
  meters.add("transitions", transitions.parent);
  const run = runRounds(parts, samples);
  queue.run();
  return {
    ...run(),
    calls: meters.calls(),
    lostCallbacks: meters.lostCallbacks(),
    preemptions: modal.preemptions(),
    bill,
    dispatched: meters.dispatched(),
    peakWrites: meters.peakWrites(),
    broken: meters.broken(),
  };
}

/** Roles that use the same model in the same way share its containers. */
function poolsOf(modal: Modal): Parts["poolOf"] {
  const pools = new Map<string, Pool>();
  return (model: ModelRef, weights) => {
    const key = JSON.stringify([model.model, gpuOf(model), weights]);
    const known = pools.get(key) ?? modal.pool(gpuOf(model));
    pools.set(key, known);
    return known;
  };
}
