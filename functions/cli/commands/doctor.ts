import { Command } from "commander";
import pc from "picocolors";
import { readConfigFile } from "../config-file.ts";
import { type Check, doctorChecks } from "../doctor-checks.ts";
import { EXIT } from "../errors.ts";
import { openOutput } from "../output.ts";
import { withCommonOptions, withDataOption } from "./shared.ts";

type DoctorOptions = { data: string; config?: string; cloud?: boolean; json?: boolean };

export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description("check this machine, the embedded engine and a config's servers, one line each")
    .option("--config <file>", "check the servers and models of this config too")
    .option("--cloud", "check the deployed part instead: AWS, Modal, their versions and secrets");
  return withDataOption(withCommonOptions(command)).action(async (options: DoctorOptions) => {
    const checks = options.cloud ? await deployedChecks(options) : await doctorChecks(options);
    const lines = checks.map(
      ({ ok, what, found, fix }) =>
        `${ok ? pc.green("ok  ") : pc.red("FAIL")} ${what}: ${found}${ok || fix === undefined ? "" : `\n     what to do: ${fix}`}`,
    );
    openOutput(options).result(checks, lines.join("\n"));
    if (checks.some(({ ok }) => !ok)) process.exitCode = EXIT.failed;
  });
}

/** Loaded when asked for: the clients of AWS and Modal would slow every other command down. */
async function deployedChecks({ config }: DoctorOptions): Promise<Check[]> {
  const { cloudChecks } = await import("../cloud-checks.ts");
  return cloudChecks({ env: process.env, config: config === undefined ? undefined : await readConfigFile(config) });
}
