#!/usr/bin/env node
// Starts the command on the project's own Node: older ones cannot run TypeScript as it is.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NEEDED = 24;
const main = join(dirname(fileURLToPath(import.meta.url)), "main.ts");

if (Number(process.versions.node.split(".")[0]) >= NEEDED) {
  await import(main);
} else {
  const node = join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin", "node");
  const child = spawnSync(node, [main, ...process.argv.slice(2)], { stdio: "inherit" });
  if (child.error) {
    console.error(
      `rlaifv needs Node ${NEEDED}; this is ${process.version}, and ${node} does not start: run "npm ci" again.`,
    );
  }
  process.exitCode = child.status ?? 1;
}
