import { Command } from "commander";
import { runPilot } from "../../runtime/pilot.ts";
import { planRun } from "../../runtime/plan-run.ts";
import { readConfigFile } from "../config-file.ts";
import { UserError } from "../errors.ts";
import { estimateText } from "../estimate-view.ts";
import { openOutput } from "../output.ts";
import { inFolder, withCommonOptions, withDataOption } from "./shared.ts";

export function estimateCommand(): Command {
  const command = new Command("estimate")
    .argument("<config>", "the config of the run")
    .description("cost, time and yield of a run, from a pilot of 20 samples; the run asks nothing of it again");
  return withDataOption(withCommonOptions(command)).action(
    async (path: string, options: { data: string; json?: boolean }) => {
      const output = openOutput(options);
      const config = await readConfigFile(path);
      await inFolder(options.data, async (local) => {
        const planned = await planRun(config, local, { strict: false });
        const found = await runPilot(planned, local, { signal: stopSignal(), payer: undefined });
        if (found.outcome === "refused") throw new UserError(`${found.detail} (${found.field})`, { fix: found.fix });
        const { outcome: _outcome, ...estimate } = found;
        output.result(estimate, estimateText(estimate));
      });
    },
  );
}

/** Ctrl-C: what was answered is kept. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort(new Error("stopped by hand"))).once("SIGTERM", () => stop.abort());
  return stop.signal;
}
