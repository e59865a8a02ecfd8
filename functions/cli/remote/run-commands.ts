/** Commands that make a service work: run, demo, estimate, resume, pause, cancel. */
import { Command } from "commander";
import { PilotView, type RunDetail } from "../../api/contract/runs.ts";
import { jsonOf } from "../../client/client.ts";
import { wholeNumber, withCommonOptions } from "../commands/shared.ts";
import { readConfigFile } from "../config-file.ts";
import { UserError } from "../errors.ts";
import { estimateText } from "../estimate-view.ts";
import { type Output, openOutput } from "../output.ts";
import { follow } from "./follow.ts";
import { withSentData } from "./send-data.ts";
import type { Remote } from "./server.ts";

type RunOptions = { strict?: boolean; detach?: boolean; json?: boolean };

export function runCommand(remote: Remote): Command {
  const command = new Command("run")
    .argument("<config>", 'JSON with comments; "rlaifv init" writes one')
    .description("send your images and questions, and run the pipeline over there")
    .option("--strict", "stop before any work when a row of the data is bad")
    .option("--detach", "do not stay to watch");
  return withCommonOptions(command).action(async (path: string, options: RunOptions) => {
    const output = openOutput(options);
    const config = await withSentData(await readConfigFile(path), {
      remote,
      output,
      strict: options.strict === true,
    });
    const body = { config: config as unknown as Record<string, unknown> };
    const run = await jsonOf(remote.client.api.v1.runs.$post({ json: body, header: {} }));
    process.exitCode = await started(run, options, { remote, output });
  });
}

type DemoOptions = { seed: number; rounds: number; images: number; detach?: boolean; json?: boolean };

export function demoCommand(remote: Remote): Command {
  const command = new Command("demo")
    .description("run the whole loop on the embedded picture world, over there")
    .option("--seed <n>", "of everything that is drawn", wholeNumber(0), 1)
    .option("--rounds <n>", "rounds of alignment", wholeNumber(1), 4)
    .option("--images <n>", "images of each round", wholeNumber(1), 200)
    .option("--detach", "do not stay to watch");
  return withCommonOptions(command).action(async ({ seed, rounds, images, ...options }: DemoOptions) => {
    const body = { demo: { seed, rounds, images } };
    const run = await jsonOf(remote.client.api.v1.runs.$post({ json: body, header: {} }));
    process.exitCode = await started(run, options, { remote, output: openOutput(options) });
  });
}

type World = { remote: Remote; output: Output };

async function started(
  run: RunDetail & { created: boolean },
  options: { detach?: boolean },
  { remote, output }: World,
): Promise<number> {
  for (const warning of run.warnings) output.note(`warning: ${warning}`);
  output.note(run.created ? `run ${run.id} on ${remote.url}` : `run ${run.id} is already there (${run.state})`);
  if (options.detach !== true) return follow(run, remote, output);
  output.result({ run: run.id, state: run.state }, `to watch it: rlaifv --server ${remote.url} status ${run.id}`);
  return 0;
}

export function estimateCommand(remote: Remote): Command {
  const command = new Command("estimate")
    .argument("<config>", "the config of the run")
    .description("cost, time and yield of a run, from a pilot of 20 samples over there");
  return withCommonOptions(command).action(async (path: string, options: RunOptions) => {
    const output = openOutput(options);
    const config = await withSentData(await readConfigFile(path), { remote, output, strict: false });
    const body = { config: config as unknown as Record<string, unknown> };
    const answer = await jsonOf(remote.client.api.v1.runs.estimate.$post({ json: body, header: {} }));
    output.result(answer, estimateText(PilotView.parse(answer)));
  });
}

type ResumeOptions = { budget?: string; detach?: boolean; json?: boolean };

export function resumeCommand(remote: Remote): Command {
  const command = new Command("resume")
    .argument("<run>", "the run's id")
    .description("go on with a run that was stopped, paused or failed")
    .option("--budget <usd>", "raise the run's budget first")
    .option("--detach", "do not stay to watch");
  return withCommonOptions(command).action(async (id: string, options: ResumeOptions) => {
    const one = remote.client.api.v1.runs[":id"];
    let run: RunDetail | undefined;
    if (options.budget !== undefined)
      run = await jsonOf(one.$patch({ param: { id }, json: { budget_usd: dollars(options.budget) } }));
    // more money sets a run that was short of it going by itself
    if (run === undefined || !["queued", "running"].includes(run.state))
      run = await jsonOf(one.resume.$post({ param: { id }, header: {} }));
    const output = openOutput(options);
    if (options.detach === true) output.result(run, `run ${id} is ${run.state}`);
    else process.exitCode = await follow(run, remote, output);
  });
}

function dollars(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new UserError(`--budget ${text} is not an amount in USD`, { fix: "give e.g. --budget 25" });
}

const STOPS = {
  pause: "stop working on a run; everything made so far is kept",
  cancel: "stop a run and give the rest of its budget back to the key",
} as const;

const stopCommand = (name: keyof typeof STOPS) => (remote: Remote) => {
  const command = new Command(name).argument("<run>", "the run's id").description(STOPS[name]);
  return withCommonOptions(command).action(async (id: string, options: { json?: boolean }) => {
    const run = await jsonOf(remote.client.api.v1.runs[":id"][name].$post({ param: { id }, header: {} }));
    openOutput(options).result(run, `run ${id} is ${run.state}`);
  });
};

export const pauseCommand = stopCommand("pause");
export const cancelCommand = stopCommand("cancel");
