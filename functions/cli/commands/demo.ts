import { Command } from "commander";
import { createRun } from "../../runtime/create-run.ts";
import { demoConfig } from "../../runtime/demo.ts";
import { type Local, withLock } from "../../runtime/local.ts";
import { planRun } from "../../runtime/plan-run.ts";
import type { ExitCode } from "../errors.ts";
import { DEFAULT_DATA_DIR, executeRun } from "../execute.ts";
import { openOutput } from "../output.ts";
import { inFolder, wholeNumber, withCommonOptions, withDataOption } from "./shared.ts";

type DemoOptions = { data: string; seed: number; rounds: number; images: number; json?: boolean };

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
  const { rounds, images } = options;
  const config = await demoConfig(options, local);
  const planned = await planRun(config, local, { strict: false });
  await createRun(planned, local);
  const { selection, evaluation } = planned.plan.samples;
  output.note(
    `run ${planned.plan.runId}: ${rounds} rounds of ${images} images, ${selection} to choose checkpoints, ${evaluation} held out (folder ${local.dataDir === DEFAULT_DATA_DIR ? DEFAULT_DATA_DIR : options.data})`,
  );
  return executeRun(planned.plan, config, { local, output });
}
