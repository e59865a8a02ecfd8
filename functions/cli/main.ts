#!/usr/bin/env node
/** The command `rlaifv`. One file per command; this one only mounts them. */
import { Command, CommanderError } from "commander";
import { codeVersion } from "../runtime/plan-run.ts";
import { chatCommand } from "./commands/chat.ts";
import { demoCommand } from "./commands/demo.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { estimateCommand } from "./commands/estimate.ts";
import { evalCommand } from "./commands/eval.ts";
import { exportCommand } from "./commands/export.ts";
import { initCommand } from "./commands/init.ts";
import { keysCommand } from "./commands/keys.ts";
import { modelsCommand } from "./commands/models.ts";
import { pairsCommand } from "./commands/pairs.ts";
import { resumeCommand } from "./commands/resume.ts";
import { runCommand } from "./commands/run.ts";
import { scoreCommand } from "./commands/score.ts";
import { serveEngineCommand } from "./commands/serve-engine.ts";
import { startCommand } from "./commands/start.ts";
import { statusCommand } from "./commands/status.ts";
import { EXIT } from "./errors.ts";
import { explain } from "./output.ts";
import { REMOTE_COMMANDS } from "./remote/commands.ts";
import { openRemote, serverIn } from "./remote/server.ts";

const COMMANDS = [
  demoCommand,
  runCommand,
  estimateCommand,
  resumeCommand,
  statusCommand,
  exportCommand,
  pairsCommand,
  scoreCommand,
  evalCommand,
  chatCommand,
  initCommand,
  modelsCommand,
  doctorCommand,
  startCommand,
  serveEngineCommand,
  keysCommand,
];

/** With `server`, the commands that a service does; otherwise those of this machine. */
export function buildProgram(server: string | undefined): Command {
  const program = new Command("rlaifv")
    .description(
      "Makes a multimodal model more trustworthy with open models only: RLAIF-V, from images to a better model.",
    )
    .version(codeVersion())
    .option(
      "--server <url>",
      "let a service do it: run, demo, estimate, status, export, chat and more (or RLAIFV_SERVER)",
    )
    .showHelpAfterError(
      server === undefined
        ? "(--help tells all options)"
        : "(commands on files of this machine go without --server; --help tells the others)",
    )
    .exitOverride();
  for (const command of commandsOf(server)) program.addCommand(command.exitOverride());
  program.addHelpText(
    "after",
    "\nStart with: rlaifv demo\nExit codes: 0 done, 1 broken, 2 wrong use, 3 paused by the budget, 4 bad data, 5 folder in use, 6 gate failed, 130 stopped.",
  );
  return program;
}

function commandsOf(server: string | undefined): Command[] {
  if (server === undefined) return COMMANDS.map((command) => command());
  const remote = openRemote(server, process.env);
  return REMOTE_COMMANDS.map((command) => command(remote));
}

async function main(): Promise<void> {
  try {
    await buildProgram(serverIn(process.argv.slice(2), process.env)).parseAsync(process.argv);
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    else process.exitCode = explain(error, { json: process.argv.includes("--json") });
  }
}

await main();
