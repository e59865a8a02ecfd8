/** The runs that docs/scale.md tells of: the paper's config, larger, on more GPUs. */
import { readConfigFile } from "../../functions/cli/config-file.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import type { World } from "./figures.ts";
import { type Simulation, simulate } from "./simulate.ts";
import { countTransitions } from "./transitions.ts";

const EXAMPLE = new URL("../../examples/llava15-rlaifv.json", import.meta.url).pathname;

export const PAPER_SAMPLES = 16_000; // rlaifv-spec §2.7: 4,000 instructions a round

/** `gpus`: containers of each model; `trains: false`: one round, to pairs only. */
export type Scaled = { samples: number; gpus: number; shard: number; trains: boolean; world?: Partial<World> };

export async function openShapes() {
  const config = await readConfigFile(EXAMPLE);
  const counted = {
    whole: await countTransitions({ rounds: config.rounds, trains: true }),
    pairs: await countTransitions({ rounds: 1, trains: false }),
  };

  function run({ samples, gpus, shard, trains, world = {} }: Scaled): Simulation {
    const scaled = scaledConfig(config, { gpus, shard, trains });
    const transitions = trains ? counted.whole : counted.pairs;
    return simulate({ config: scaled, samples, seed: 1, transitions, world });
  }

  /** The example as it stands. */
  const paper = () => simulate({ config, samples: PAPER_SAMPLES, seed: 1, transitions: counted.whole });
  return { config, run, paper };
}

function scaledConfig(config: RunConfig, { gpus, shard, trains }: Omit<Scaled, "samples">): RunConfig {
  const on = (model: RunConfig["policy"]) => ({ ...model, gpu: { ...model.gpu!, maxContainers: gpus } });
  const { train, ...rest } = config;
  return {
    ...rest,
    ...(trains && train !== undefined ? { train } : { rounds: 1 }),
    policy: on(config.policy),
    divider: on(config.divider),
    questioner: on(config.questioner),
    labelers: config.labelers.map(on),
    shardSamples: shard,
    maxConcurrentShards: concurrentShards(gpus),
  };
}

/** One shard in each container and one that waits: a shard's second wave then goes on soon, not after all others' first. */
export const concurrentShards = (containers: number): number => Math.min(1000, 2 * containers);

/** Share of the ideal. */
export const efficiency = ({ idealSeconds, makespanSeconds }: Simulation): number => idealSeconds / makespanSeconds;

/**
 * The shard size at which the tail of a stage (half a shard's time on every container) costs as much as what each shard
 * wastes: n = √(2 · samples · waste / (containers · seconds a sample)). Between 50 and the 1,000 that a config allows.
 */
export function bestShard(stage: {
  samples: number;
  wasteSeconds: number;
  containers: number;
  secondsPerSample: number;
}): number {
  const { samples, wasteSeconds, containers, secondsPerSample } = stage;
  const best = Math.sqrt((2 * samples * wasteSeconds) / (containers * secondsPerSample));
  return Math.round(Math.min(1000, Math.max(50, best)));
}
