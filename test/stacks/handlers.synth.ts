import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { WORKERS, type Worker, type WorkerPlan } from "../../stacks/plan.ts";
import { ofKind, ROOT, synthesis } from "../support/synthesis.ts";

const made = synthesis();
const title = (worker: string) => worker[0]!.toUpperCase() + worker.slice(1);
const STUBS_ALLOWED = process.env["SYNTH_STUB_HANDLERS"] === "1";

/** linkedom draws on a canvas where there is one, and asks softly; nothing of ours draws. */
const OPTIONAL = ["canvas"];

/** Imports the bundle as Lambda would, with the environment and links it would have. */
const LOAD = `
  globalThis.awslambda = { streamifyResponse: (handler) => handler, HttpResponseStream: { from: (stream) => stream } };
  const { handler } = await import(process.argv[1]);
  process.exit(typeof handler === "function" ? 0 : 7);
`;

function load(worker: Worker): { status: number | null; stderr: string } {
  const fn = ofKind(made, "lambda/function").get(`${title(worker)}Function`) as {
    environment: { variables: Record<string, string> };
  };
  const { SST_KEY_FILE, ...variables } = fn.environment.variables; // links come as variables here, not as a sealed file
  const links = made.builds[title(worker)]!.links.map((name) => [
    `SST_RESOURCE_${name}`,
    JSON.stringify({ value: name }),
  ]);
  const bundle = join(ROOT, ".sst/synth/handlers", title(worker), "bundle.mjs");
  const aws = { AWS_REGION: "us-east-1", AWS_EC2_METADATA_DISABLED: "true", AWS_LAMBDA_FUNCTION_NAME: worker };
  const env = { PATH: process.env["PATH"], ...aws, ...variables, ...Object.fromEntries(links) };
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", LOAD, bundle], {
    encoding: "utf8",
    env,
  });
  return { status, stderr };
}

for (const [worker, plan] of Object.entries(WORKERS) as [Worker, WorkerPlan][]) {
  const built = made.builds[title(worker)]!;
  if (built.stub && STUBS_ALLOWED) continue;

  test(`${worker} is written, small enough, and finds every package it loads`, () => {
    assert.equal(built.stub, false, `functions/runtime/lambda/${worker}.ts is not written`);
    const kilobytes = Math.ceil(built.gzipBytes / 1000);
    assert.ok(kilobytes <= plan.gzipLimitKb, `${kilobytes} kB after gzip, ${plan.gzipLimitKb} are allowed`);
    const needed = built.external.filter((name) => !OPTIONAL.includes(name));
    assert.deepEqual(needed, built.installed, "loaded from outside the bundle, and installed beside it");
  });

  test(`${worker} loads in the environment it gets`, () => {
    const { status, stderr } = load(worker);
    assert.equal(status, 0, stderr);
  });
}
