import { Command } from "commander";
import type { RunConfig } from "../../../shared/schemas/config.ts";
import type { RunPlan } from "../../../shared/schemas/plan.ts";
import { ManifestRejected } from "../../intake/manifest.ts";
import { createRun } from "../../runtime/create-run.ts";
import { type Local, withLock } from "../../runtime/local.ts";
import { type PlannedRun, planRun } from "../../runtime/plan-run.ts";
import { readConfigFile } from "../config-file.ts";
import { EXIT, type ExitCode, UserError } from "../errors.ts";
import { executeRun } from "../execute.ts";
import { type Output, openOutput } from "../output.ts";
import { planText } from "../plan-view.ts";
import { inFolder, withCommonOptions, withDataOption } from "./shared.ts";

type RunOptions = { data: string; dryRun?: boolean; strict?: boolean; json?: boolean };

export function runCommand(): Command {
  const command = new Command("run")
    .argument("<config>", 'JSON with comments; "rlaifv init" writes one')
    .description("run the pipeline on your own images and questions")
    .option("--dry-run", "check data, models and money, print the plan and the estimate, and stop")
    .option("--strict", "stop before any work when a row of the data is bad");
  return withDataOption(withCommonOptions(command)).action(async (path: string, options: RunOptions) => {
    const config = await readConfigFile(path);
    const output = openOutput(options);
    process.exitCode = await withLock(options.data, () =>
      inFolder(options.data, (local) => runConfig(config, { local, output, ...options })),
    );
  });
}

/** Plans and carries out a run; the same run again goes on where it stood. */
export async function runConfig(
  config: RunConfig,
  { local, output, ...options }: { local: Local; output: Output; dryRun?: boolean; strict?: boolean },
): Promise<ExitCode> {
  const planned = await planOrExplain(config, local, options.strict === true);
  const { plan } = planned;
  if (options.dryRun) {
    output.result(plan, planText(plan, config));
    return EXIT.ok;
  }
  output.note(planText(plan, config));
  refuseHopeless(plan);
  const { outcome } = await createRun(planned, local);
  if (outcome === "already_there") output.note(`run ${plan.runId} is already here: going on with what is left`);
  return executeRun(plan, config, { local, output });
}

async function planOrExplain(config: RunConfig, local: Local, strict: boolean): Promise<PlannedRun> {
  try {
    return await planRun(config, local, { strict });
  } catch (error) {
    if (!(error instanceof ManifestRejected)) throw error;
    throw new UserError(error.message, {
      fix: "mend these rows, or leave out --strict to go on without them",
      exitCode: EXIT.badData,
    });
  }
}

function refuseHopeless(plan: RunPlan): void {
  if (plan.samples.data === 0) {
    throw new UserError("no row of the data can be used", {
      fix: "see the bad rows above; mend them and start again",
      exitCode: EXIT.badData,
    });
  }
  const mute = plan.models.find(({ role, logprobs }) => role.startsWith("labeler") && !logprobs);
  if (mute !== undefined) {
    throw new UserError(`${mute.role} ${mute.model} at ${mute.engine} returns no logprobs`, {
      fix: "p(yes) and p(no) cannot be read from it: use a server that gives logprobs (vLLM does)",
    });
  }
}
