/** The embedded world's own run: pictures, config and a name, from nothing but a seed and two numbers. */
import { join, resolve } from "node:path";
import type { RunConfig } from "../../shared/schemas/config.ts";
import { writeScenes } from "../embedded/world/write-scenes.ts";
import { embeddedConfig } from "./embedded-models.ts";
import type { Local } from "./local.ts";
import { allRuns } from "./run-rows.ts";

/** Images of the splits that do not train; more give narrower intervals and a slower demo. Our choice. */
const SELECTION_IMAGES = 40;
const EVALUATION_IMAGES = 120;

/** `images`: of each round. */
export type DemoRequest = { seed: number; rounds: number; images: number };

/** Writes the pictures into the data folder, once for each seed and number. */
export async function demoConfig({ seed, rounds, images }: DemoRequest, local: Local): Promise<RunConfig> {
  const folder = resolve(local.dataDir, "scenes");
  const manifest = (split: "train" | "tuning" | "report", count: number) =>
    writeScenes({ folder: join(folder, `${split}-${seed}-${count}`), split, seed, count });
  return embeddedConfig({
    name: await freeName(local),
    seed,
    rounds,
    data: await manifest("train", images * rounds),
    selection: await manifest("tuning", SELECTION_IMAGES),
    evaluation: await manifest("report", EVALUATION_IMAGES),
  });
}

/** A demo starts from nothing every time: `demo`, then `demo-2`, `demo-3`, …; an unfinished one is there to be resumed. */
async function freeName({ store }: Pick<Local, "store">): Promise<string> {
  const names = new Set<string>();
  for await (const { name } of allRuns(store)) names.add(name);
  for (let number = 1; ; number++) {
    const name = number === 1 ? "demo" : `demo-${number}`;
    if (!names.has(name)) return name;
  }
}
