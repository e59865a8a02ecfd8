import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { usdByItem } from "../../bench/cloud-simulation/bill.ts";
import { bestShard, efficiency, openShapes } from "../../bench/cloud-simulation/shapes.ts";
import { simulate } from "../../bench/cloud-simulation/simulate.ts";
import { countTransitions } from "../../bench/cloud-simulation/transitions.ts";
import { RunConfig } from "../../shared/schemas/config.ts";

const TRANSITIONS = { parent: 20, child: 2 };

function configOf({ gpus = 4, shard = 50, rounds = 1, labelers = 1, train = false } = {}): RunConfig {
  const gpu = { kind: "A10", maxContainers: gpus };
  const model = (name: string) => ({ engine: "modal", model: `some/${name}-7b`, gpu });
  return RunConfig.parse({
    rounds,
    data: { path: "x" },
    policy: model("policy"),
    divider: model("divider"),
    questioner: model("divider"),
    labelers: Array.from({ length: labelers }, (_, at) => model(`labeler${at}`)),
    shardSamples: shard,
    maxConcurrentShards: 1000,
    ...(train ? { train: { trainer: "modal" } } : {}),
  });
}

/** Everything that may go wrong, often. */
const FAULTS = { lostCallbacks: 0.2, preemptions: 5 };
/** Nothing that is drawn. */
const STEADY = { lostCallbacks: 0, preemptions: 0, coldStartSpread: 0, sampleSpread: 0, containerSpread: 0 };

const run = (samples: number, config: RunConfig, seed = 1, world = {}) =>
  simulate({ config, samples, seed, transitions: TRANSITIONS, world });

test("no sample is lost and no run is faster than its GPUs, whatever calls are lost and containers taken away", () => {
  fc.assert(
    fc.property(
      fc.record({
        samples: fc.integer({ min: 0, max: 2000 }),
        gpus: fc.integer({ min: 1, max: 50 }),
        shard: fc.integer({ min: 1, max: 300 }),
        rounds: fc.integer({ min: 1, max: 3 }),
        labelers: fc.integer({ min: 1, max: 2 }),
        train: fc.boolean(),
      }),
      fc.nat(),
      ({ samples, ...shape }, seed) => {
        const simulated = run(samples, configOf(shape), seed, FAULTS);
        assert.equal(simulated.samplesScored, samples);
        assert.ok(simulated.makespanSeconds >= simulated.idealSeconds - 1e-6);
        const stages = simulated.stages.filter(({ stage }) => stage !== "train");
        assert.equal(stages.length, 4 * shape.rounds);
        const shards = Array.from({ length: shape.rounds }, (_, at) =>
          Math.ceil(
            (Math.floor((samples * (at + 1)) / shape.rounds) - Math.floor((samples * at) / shape.rounds)) / shape.shard,
          ),
        ).reduce((sum, of) => sum + of, 0);
        assert.equal(simulated.bill.aws.transitions, TRANSITIONS.parent + TRANSITIONS.child * 4 * shards);
        assert.equal(
          simulated.dispatched.reduce((sum, begun) => sum + begun, 0),
          4 * shards,
        );
      },
    ),
    { numRuns: 60 },
  );
});

test("the same seed gives the same run, another seed another", () => {
  const once = run(1000, configOf(), 7, FAULTS);
  assert.deepEqual(run(1000, configOf(), 7, FAULTS), once);
  assert.notEqual(run(1000, configOf(), 8, FAULTS).makespanSeconds, once.makespanSeconds);
});

test("half of the GPUs take longer, and at most twice as long", () => {
  for (const gpus of [2, 8, 32]) {
    const whole = run(4000, configOf({ gpus, shard: 20 }), 1, STEADY).makespanSeconds;
    const half = run(4000, configOf({ gpus: gpus / 2, shard: 20 }), 1, STEADY).makespanSeconds;
    assert.ok(half > whole && half <= 2 * whole, `${gpus} GPUs: ${whole} s, half of them: ${half} s`);
  }
});

test("lost callbacks and preempted containers cost time and money, and are counted", () => {
  const [well, ill] = [run(2000, configOf(), 1, STEADY), run(2000, configOf(), 1, { ...STEADY, ...FAULTS })];
  assert.deepEqual([well.lostCallbacks, well.preemptions], [0, 0]);
  assert.ok(ill.lostCallbacks > 0 && ill.preemptions > 0);
  assert.ok(ill.makespanSeconds > well.makespanSeconds);
  assert.ok(ill.bill.containerSeconds > well.bill.containerSeconds);
});

test("children begin no faster than AWS lets them", () => {
  const { stages, dispatched } = run(10_000, configOf({ shard: 1, gpus: 50 }), 1, STEADY);
  assert.ok(stages.every(({ startedAt, endedAt }) => endedAt - startedAt >= 10_000 / 100));
  assert.ok(dispatched.every((begun) => begun <= 100 * 60 + 1));
});

test("every used thing has a price, and GPUs are most of the bill", () => {
  const { bill } = run(10_000, configOf({ shard: 100 }));
  const items = usdByItem(bill);
  const total = items.reduce((sum, { usd }) => sum + usd, 0);
  assert.ok(items.every(({ usd, used }) => Number.isFinite(usd) && (used === 0) === (usd === 0)));
  assert.ok(items[0]!.item === "A10 seconds" && items[0]!.usd > total / 2);
});

test("a round that no Lambda can pair is told; plan has the time, since shards create the rows", () => {
  const { broken } = run(2_000_000, configOf({ shard: 1000, gpus: 50 }));
  assert.deepEqual(
    broken.map((limit) => limit.split(" ")[0]),
    ["pair", "pair"],
  );
});

test("transitions are counted on the loop itself: a round has the same number each time", async () => {
  const [one, two, three] = await Promise.all([1, 2, 3].map((rounds) => countTransitions({ rounds, trains: true })));
  assert.equal(three!.parent - two!.parent, two!.parent - one!.parent);
  assert.ok(one!.parent > 4 * 3, `${one!.parent} transitions are fewer than four stages of three states`);
  assert.equal(one!.child, 2);
  const untrained = await countTransitions({ rounds: 1, trains: false });
  assert.ok(untrained.parent < one!.parent);
});

test("100,000 samples come within 95 % of the ideal on few GPUs, and on more where batches overlap and starts are warm", async () => {
  const { run: runExample } = await openShapes();
  const samples = 100_000;
  const asItIs = runExample({ samples, gpus: 4, shard: 500, trains: false });
  const world = { batchesAtOnce: 2, coldStart: 30, scaledown: 10 };
  const mended = runExample({ samples, gpus: 16, shard: 100, trains: false, world });
  const plain = runExample({ samples, gpus: 16, shard: 100, trains: false });
  for (const { samplesScored, broken } of [asItIs, mended, plain]) {
    assert.equal(samplesScored, samples);
    assert.deepEqual(broken, []);
  }
  assert.ok(efficiency(asItIs) >= 0.95, `4 GPUs: ${efficiency(asItIs)}`);
  assert.ok(efficiency(mended) >= 0.95, `16 GPUs: ${efficiency(mended)}`);
  assert.ok(efficiency(plain) < efficiency(mended));
});

test("the formula's shard size comes within two percent of the best", async () => {
  const { run: runExample } = await openShapes();
  const samples = 100_000;
  for (const gpus of [8, 32]) {
    const share = (shard: number) => efficiency(runExample({ samples, gpus, shard, trains: false }));
    const best = Math.max(...[50, 100, 200, 300, 500, 1000].map(share));
    const shard = bestShard({ samples, containers: gpus, wasteSeconds: 6, secondsPerSample: 0.5 });
    assert.ok(best - share(shard) < 0.02, `${gpus} GPUs, shards of ${shard}: ${share(shard)}, best ${best}`);
  }
});

test("two batches at once only ever save time", () => {
  for (const gpus of [1, 4, 16]) {
    const [one, two] = [1, 2].map((batchesAtOnce) => run(3000, configOf({ gpus }), 1, { ...STEADY, batchesAtOnce }));
    assert.ok(two!.makespanSeconds < one!.makespanSeconds);
    assert.ok(Math.abs(two!.idealSeconds / one!.idealSeconds - 1) < 0.02); // other samples ask again
  }
});
