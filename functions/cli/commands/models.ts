import { Command } from "commander";
import { PRESETS } from "../../../shared/presets.ts";
import { openOutput } from "../output.ts";
import { withCommonOptions } from "./shared.ts";

export function modelsCommand(): Command {
  const command = new Command("models").description(
    "list the model presets: what each is for, its licence, where its settings come from",
  );
  return withCommonOptions(command).action((options: { json?: boolean }) => {
    const lines = Object.entries(PRESETS).map(([name, preset]) =>
      [
        `${name.padEnd(26)} ${preset.roles.join(", ")}`,
        `  ${preset.model}  (${preset.licence})`,
        `  from ${preset.source}`,
        ...(preset.note === undefined ? [] : [`  ${preset.note}`]),
      ].join("\n"),
    );
    openOutput(options).result(PRESETS, lines.join("\n"));
  });
}
