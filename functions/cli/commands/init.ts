import { access, writeFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { Command } from "commander";
import { configTemplate } from "../config-template.ts";
import { UserError } from "../errors.ts";
import { openOutput } from "../output.ts";
import { withCommonOptions } from "./shared.ts";

type InitOptions = { photos?: string; question: string; out: string; force?: boolean; json?: boolean };

export function initCommand(): Command {
  const command = new Command("init")
    .description("write a config that explains every setting")
    .option("--photos <dir>", "for a folder of photographs; without it, for a manifest data.jsonl")
    .option("--question <text>", "with --photos: what to ask about each", "Describe the image in detail.")
    .option("--out <file>", "the config", "rlaifv.json")
    .option("--force", "write over a file that is there");
  return withCommonOptions(command).action(async (options: InitOptions) => {
    const there = await access(options.out).then(
      () => true,
      () => false,
    );
    if (there && !options.force)
      throw new UserError(`${options.out} is there already`, { fix: "give another name with --out, or --force" });
    const path =
      options.photos === undefined
        ? "data.jsonl"
        : relative(resolve(options.out, ".."), resolve(options.photos)) || ".";
    const data = options.photos === undefined ? { path } : { path, question: options.question };
    await writeFile(options.out, configTemplate(data));
    openOutput(options).result(
      { config: options.out },
      `${options.out} is written. Put your servers and models in, then: rlaifv run ${options.out} --dry-run`,
    );
  });
}
