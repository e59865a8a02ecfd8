/** A whole run on the embedded world, small enough for a test: config and scenes in a folder of its own. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeScenes } from "../../functions/embedded/world/write-scenes.ts";
import { embeddedConfig } from "../../functions/runtime/embedded-models.ts";

const SEED = 3;

/** Writes the scenes and the config; gives the config's path. */
export async function writeSmallRun(
  folder: string,
  sizes: { images: number; rounds: number; evaluation: number },
): Promise<string> {
  const scenes = (split: "train" | "tuning" | "report", count: number) =>
    writeScenes({ folder: join(folder, split), split, seed: SEED, count });
  const config = embeddedConfig({
    name: "small",
    seed: SEED,
    rounds: sizes.rounds,
    data: await scenes("train", sizes.images * sizes.rounds),
    selection: await scenes("tuning", sizes.evaluation),
    evaluation: await scenes("report", sizes.evaluation),
  });
  const path = join(folder, "small.json");
  await writeFile(path, JSON.stringify({ ...config, shardSamples: 6, evaluate: { ...config.evaluate, bestOf: 4 } }));
  return path;
}
