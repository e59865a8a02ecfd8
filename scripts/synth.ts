/**
 * Runs `sst.config.ts` against SST's real platform sources, with Pulumi's mocks instead of a cloud: no engine, no AWS, no
 * credentials. What would be deployed is written as JSON; the tests in test/stacks look at it.
 *
 *     node scripts/synth.ts [stage] [output.json] [configuration]
 *
 * Every handler is really bundled, into the folder beside the output that has its name: one that is missing or broken ends the synthesis. SYNTH_STUB_HANDLERS=1 puts an empty
 * function in the place of those that are not written yet.
 */
import crypto from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { SECRETS } from "../stacks/plan.ts";
import type { Built } from "./synth/build-handler.ts";
import { cloud, type Resource } from "./synth/mocks.ts";
import { type Platform, platform } from "./synth/platform.ts";
import { type RpcServer, rpcServer } from "./synth/rpc-server.ts";
import { settled } from "./synth/settled.ts";

export type Synthesis = {
  stage: string;
  outputs: Record<string, unknown>;
  resources: Resource[];
  builds: Record<string, Built>;
};

const ROOT = resolve(import.meta.dirname, "..");
const SST = join(ROOT, ".sst");

/** SST ends physical names in random bytes: equal ones make two syntheses equal. */
function withoutChance(): void {
  crypto.randomBytes = ((size: number) => Buffer.alloc(size, 7)) as typeof crypto.randomBytes;
}

/** What SST's command line tells its platform before it runs a configuration. */
function tellThePlatform(stage: string, rpc: string, work: string): object {
  const app = { name: "", stage, removal: "remove", protect: false, providers: {} };
  process.env["SST_SERVER"] = rpc;
  for (const name of SECRETS) process.env[`SST_SECRET_${name}`] ??= `synth-${name}`;
  process.env["RLAIFV_MODAL_WORKSPACE"] ??= "ac-synth";
  const paths = { home: join(work, "home"), root: ROOT, work, platform: join(SST, "platform") };
  Object.assign(globalThis, {
    $app: app,
    $dev: false,
    $cli: { command: "deploy", rpc, paths, state: { version: {} } },
    $config: (config: unknown) => config,
  });
  mkdirSync(join(work, "artifacts"), { recursive: true });
  return app;
}

async function resourcesOf(
  { pulumi, run, load, pending }: Platform,
  stage: string,
  told: { app: object; rpc: RpcServer },
) {
  const config = await load();
  const { name, removal = "retain", protect = false, providers = {} } = await config.app({ stage });
  Object.assign(told.app, { name, removal, protect, providers });
  const resources: Resource[] = [];
  await pulumi.runtime.setMocks(cloud(resources), name, stage, false);
  const complete = settled({ resources, building: told.rpc.waiting, pending });
  const [returned] = await Promise.all([pulumi.runtime.runInPulumiStack(() => run(config.run)), complete]);
  const outputs = await new Promise<Record<string, unknown>>((known) => {
    pulumi.output(returned).apply((value) => known(value as Record<string, unknown>));
  });
  return { outputs, resources: resources.sort((a, b) => (a.type + a.name < b.type + b.name ? -1 : 1)) };
}

/** `work`: a folder of this synthesis alone, for bundles and archives. */
async function synthesise(stage: string, configuration: string, work: string): Promise<Synthesis> {
  rmSync(work, { recursive: true, force: true });
  const folder = join(work, "handlers");
  const rpc = await rpcServer({ root: ROOT, folder, stubMissing: process.env["SYNTH_STUB_HANDLERS"] === "1" });
  try {
    const app = tellThePlatform(stage, rpc.url, work);
    const made = await resourcesOf(await platform(join(SST, "platform"), configuration), stage, { app, rpc });
    return { stage, ...made, builds: Object.fromEntries([...rpc.builds].sort()) };
  } finally {
    rpc.close();
  }
}

const [stage = "ci", output = join(SST, "synth.json"), configuration = join(ROOT, "sst.config.ts")] =
  process.argv.slice(2);
if (!output.endsWith(".json")) throw new Error(`${output}: the output is a .json file`);
withoutChance();
try {
  const synthesis = await synthesise(stage, resolve(configuration), resolve(output.replace(/\.json$/, "")));
  writeFileSync(output, JSON.stringify(synthesis, null, 2));
  const stubs = Object.entries(synthesis.builds).flatMap(([name, { stub }]) => (stub ? [name] : []));
  process.stdout.write(`${synthesis.resources.length} resources of stage ${stage} in ${output}\n`);
  if (stubs.length > 0) process.stdout.write(`not written yet, stubs instead: ${stubs.join(", ")}\n`);
} catch (error) {
  process.stderr.write(`${configuration} is not synthesised: ${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}
process.exit(0); // SST's platform keeps watchers and sockets open
