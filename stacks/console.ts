/** Builds the console before anything is deployed: a function has neither its sources nor a bundler. */
import { execFileSync } from "node:child_process";

/** Folder below the project, ignored by git. */
const FOLDER = ".sst/console";

/** Builds in a process of its own (the sources find their files by their own address) and returns the folder. */
export function builtConsole(): string {
  execFileSync("node", ["scripts/build-console.ts", FOLDER], {
    cwd: $cli.paths.root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  return FOLDER;
}
