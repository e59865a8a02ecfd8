import type { Command } from "commander";
import { chatCommand, scoreCommand } from "./ask-commands.ts";
import { evalCommand } from "./eval-command.ts";
import { keysCommand } from "./keys-command.ts";
import { exportCommand, modelsCommand, statusCommand, usageCommand } from "./look-commands.ts";
import {
  cancelCommand,
  demoCommand,
  estimateCommand,
  pauseCommand,
  resumeCommand,
  runCommand,
} from "./run-commands.ts";
import type { Remote } from "./server.ts";

/** What a service can be asked for; commands on files of this machine are not among them. */
export const REMOTE_COMMANDS: readonly ((remote: Remote) => Command)[] = [
  demoCommand,
  runCommand,
  estimateCommand,
  resumeCommand,
  pauseCommand,
  cancelCommand,
  statusCommand,
  exportCommand,
  evalCommand,
  scoreCommand,
  chatCommand,
  modelsCommand,
  usageCommand,
  keysCommand,
];
