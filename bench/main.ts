/** `npm run bench [-- pairs|runner|engine|api|chat|fair|evaluation|cloud …]`: each part in a process of its own, one after the other, so that none disturbs another. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

type Part = { heading: string; script: URL; runs: string[][] };

const PARTS: Record<string, Part> = {
  pairs: {
    heading: "rlaifv pairs on a full RLAIF-V round",
    script: new URL("./pairs.ts", import.meta.url),
    runs: [[]],
  },
  runner: {
    heading: "Runner overhead with a simulated server, virtual latencies",
    script: new URL("./runner.ts", import.meta.url),
    runs: [[], ["--shape", "one machine"]],
  },
  engine: {
    heading: "Embedded engine against PyTorch, the same model and weights",
    script: new URL("./engine.ts", import.meta.url),
    runs: [[]],
  },
  api: {
    heading: "The HTTP API in process: intake, small requests, pages",
    script: new URL("./api.ts", import.meta.url),
    runs: [[]],
  },
  chat: {
    heading: "The first token of a chat over HTTP against the engine in process",
    script: new URL("./chat.ts", import.meta.url),
    runs: [[]],
  },
  fair: {
    heading: "A small run and a chat beside a huge run",
    script: new URL("./fair.ts", import.meta.url),
    runs: [[]],
  },
  evaluation: {
    heading: "Object HalBench without a judge, and the COCO index",
    script: new URL("./evaluation.ts", import.meta.url),
    runs: [[]],
  },
  cloud: {
    heading: "Runs on AWS and Modal, simulated: makespan, units, money, limits (docs/scale.md)",
    script: new URL("./cloud.ts", import.meta.url),
    runs: [[]],
  },
};

const HELP = `npm run bench [-- PART …]

Parts, all of them by default (about five minutes on two quiet cores):
${Object.entries(PARTS)
  .map(([name, { heading }]) => `  ${name.padEnd(12)}${heading}`)
  .join("\n")}

pairs compares with python3; engine with python3 or, if set, $PYTHON, where it has torch, numpy and safetensors.`;

const { values, positionals } = parseArgs({
  options: { help: { type: "boolean", short: "h", default: false } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !Object.hasOwn(PARTS, name));
if (values.help) console.log(HELP);
else if (unknown.length > 0) {
  console.error(`bench: there is no part ${unknown.join(", ")}\n\n${HELP}`);
  process.exitCode = 2;
} else {
  for (const name of positionals.length > 0 ? positionals : Object.keys(PARTS)) if (!runPart(PARTS[name]!)) break;
}

/** A part that fails ends the bench with its exit code. */
function runPart({ heading, script, runs }: Part): boolean {
  console.log(`\n== ${heading}`);
  return runs.every((args) => {
    const { status } = spawnSync(process.execPath, [fileURLToPath(script), ...args], { stdio: "inherit" });
    if (status !== 0) process.exitCode = status ?? 1;
    return status === 0;
  });
}
