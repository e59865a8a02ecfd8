import { join, resolve } from "node:path";
import { Command } from "commander";
import { writeScenes } from "../../embedded/world/write-scenes.ts";
import { createRun } from "../../runtime/drive.ts";
import { embeddedConfig } from "../../runtime/embedded-models.ts";
import { type Local, withLock } from "../../runtime/local.ts";
import { planRun } from "../../runtime/plan-run.ts";
import type { ExitCode } from "../errors.ts";
import { DEFAULT_DATA_DIR, executeRun } from "../execute.ts";
import { openOutput } from "../output.ts";
import { inFolder, wholeNumber, withCommonOptions, withDataOption } from "./shared.ts";

type DemoOptions = { data: string; seed: number; rounds: number; images: number; json?: boolean };

/** Images of the splits that do not train; more give narrower intervals and a slower demo. Our choice. */
const SELECTION_IMAGES = 40;
const EVALUATION_IMAGES = 120;

export function demoCommand(): Command {
  const command = new Command("demo")
    .description("run the whole loop on the embedded picture world: four rounds in about a minute")
    .option("--seed <n>", "of everything that is drawn", wholeNumber(0), 1)
    .option("--rounds <n>", "rounds of alignment", wholeNumber(1), 4) // the paper runs 4
    .option("--images <n>", "images of each round", wholeNumber(1), 200); // our choice: a minute on two cores
  return withDataOption(withCommonOptions(command)).action(async (options: DemoOptions) => {
    process.exitCode = await withLock(options.data, () => inFolder(options.data, (local) => demo(options, local)));
  });
}

async function demo(options: DemoOptions, local: Local): Promise<ExitCode> {
  const output = openOutput(options);
  const { seed, rounds, images } = options;
  const folder = resolve(local.dataDir, "scenes");
  const manifest = (split: "train" | "tuning" | "report", count: number) =>
    writeScenes({ folder: join(folder, `${split}-${seed}-${count}`), split, seed, count });
  const config = embeddedConfig({
    name: await freeName(local),
    seed,
    rounds,
    data: await manifest("train", images * rounds),
    selection: await manifest("tuning", SELECTION_IMAGES),
    evaluation: await manifest("report", EVALUATION_IMAGES),
  });
  const planned = await planRun(config, local, { strict: false });
  await createRun(planned, local);
  output.note(
    `run ${planned.plan.runId}: ${rounds} rounds of ${images} images, ${SELECTION_IMAGES} to choose checkpoints, ${EVALUATION_IMAGES} held out (folder ${local.dataDir === DEFAULT_DATA_DIR ? DEFAULT_DATA_DIR : options.data})`,
  );
  return executeRun(planned.plan, config, { local, output });
}

/** A demo starts from nothing every time: `demo`, then `demo-2`, `demo-3`, …; an unfinished one is for `rlaifv resume`. */
async function freeName({ store }: Pick<Local, "store">): Promise<string> {
  const names = new Set((await store.runs.list({ limit: 1000 })).items.map(({ name }) => name));
  for (let number = 1; ; number++) {
    const name = number === 1 ? "demo" : `demo-${number}`;
    if (!names.has(name)) return name;
  }
}
