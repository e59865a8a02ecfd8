import { Command } from "commander";
import { runAccount } from "../../../shared/budget/accounts.ts";
import { toMicros } from "../../../shared/budget/prices.ts";
import { planKey } from "../../../shared/keys.ts";
import { RunPlan } from "../../../shared/schemas/plan.ts";
import { withLock } from "../../runtime/local.ts";
import { readConfig, readJson } from "../../workers/files.ts";
import { UserError } from "../errors.ts";
import { executeRun } from "../execute.ts";
import { openOutput } from "../output.ts";
import { findRun, inKnownFolder, withCommonOptions, withDataOption } from "./shared.ts";

type ResumeOptions = { data: string; budget?: string; json?: boolean };

export function resumeCommand(): Command {
  const command = new Command("resume")
    .argument("[run]", "the run's id; the newest unfinished one without it")
    .description("go on with a run that was stopped, paused, failed or killed: nothing finished is done again")
    .option("--budget <usd>", "raise the run's budget first");
  return withDataOption(withCommonOptions(command)).action(async (id: string | undefined, options: ResumeOptions) => {
    process.exitCode = await inKnownFolder(options.data, (local) =>
      withLock(options.data, async () => {
        const run = await findRun(id, local, ({ state }) => state !== "finished");
        if (options.budget !== undefined) {
          await local.store.ledger.open(runAccount(run.runId), toMicros(dollars(options.budget)));
        }
        const plan = await readJson(local.blobs, planKey(run.runId), RunPlan);
        if (plan === undefined)
          throw new UserError(`run ${run.runId} has no plan file`, { fix: "start it again with rlaifv run" });
        const config = await readConfig(local.blobs, run.runId);
        return executeRun(plan, config, { local, output: openOutput(options) });
      }),
    );
  });
}

function dollars(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new UserError(`--budget ${text} is not an amount in USD`, { fix: "give e.g. --budget 25" });
}
