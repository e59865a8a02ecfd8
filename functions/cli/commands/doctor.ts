import { Command } from "commander";
import pc from "picocolors";
import { doctorChecks } from "../doctor-checks.ts";
import { EXIT } from "../errors.ts";
import { openOutput } from "../output.ts";
import { withCommonOptions, withDataOption } from "./shared.ts";

type DoctorOptions = { data: string; config?: string; json?: boolean };

export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description("check this machine, the embedded engine and a config's servers, one line each")
    .option("--config <file>", "check the servers and models of this config too");
  return withDataOption(withCommonOptions(command)).action(async (options: DoctorOptions) => {
    const checks = await doctorChecks(options);
    const lines = checks.map(
      ({ ok, what, found, fix }) =>
        `${ok ? pc.green("ok  ") : pc.red("FAIL")} ${what}: ${found}${ok || fix === undefined ? "" : `\n     what to do: ${fix}`}`,
    );
    openOutput(options).result(checks, lines.join("\n"));
    if (checks.some(({ ok }) => !ok)) process.exitCode = EXIT.failed;
  });
}
