/** The demo's settings on fewer pictures, and its run on one machine: what the cloud has to make again to the byte. */
import { join } from "node:path";
import type { ServiceClient } from "../../../functions/client/client.ts";
import { writeScenes } from "../../../functions/embedded/world/write-scenes.ts";
import { readManifest } from "../../../functions/intake/manifest.ts";
import { serviceImages } from "../../../functions/intake/service-images.ts";
import { carryOut } from "../../../functions/runtime/carry-out.ts";
import { createRun } from "../../../functions/runtime/create-run.ts";
import { embeddedConfig } from "../../../functions/runtime/embedded-models.ts";
import { openLocal } from "../../../functions/runtime/local.ts";
import { planRun } from "../../../functions/runtime/plan-run.ts";
import { sha256Hex } from "../../../shared/ids.ts";
import type { BlobStore } from "../../../shared/ports/blob-store.ts";
import { RunConfig } from "../../../shared/schemas/config.ts";

export type DemoSize = { rounds: number; images: number; selection: number; evaluation: number };

/** The demo's own recipe; more, smaller shards than on one machine, so that there is something to run side by side. */
export async function demoConfig(folder: string, size: DemoSize): Promise<RunConfig> {
  const scenes = (split: "train" | "tuning" | "report", count: number) =>
    writeScenes({ folder: join(folder, split), split, seed: 201, count });
  const config = embeddedConfig({
    name: "demo",
    seed: 201,
    rounds: size.rounds,
    data: await scenes("train", size.images * size.rounds),
    selection: await scenes("tuning", size.selection),
    evaluation: await scenes("report", size.evaluation),
  });
  const evaluate = config.evaluate && { ...config.evaluate, checkpoints: 2, candidates: 2, bestOf: 3 };
  return RunConfig.parse({ ...config, evaluate, shardSamples: 20, maxConcurrentShards: 4 });
}

/** The whole run in one process; gives the files that do not depend on where it ran. */
export async function runLocally(
  config: RunConfig,
  dataDir: string,
): Promise<{ runId: string; files: Map<string, string> }> {
  const local = await openLocal({ dataDir, env: {} });
  const images = serviceImages({ ...local, web: false });
  try {
    const sent = await sentBy(config, {
      image: (bytes) => local.blobs.writeContent(bytes),
      manifest: async (rows) => {
        const { row } = await images.manifest(rows, { question: undefined, signal: new AbortController().signal });
        return row.manifestId;
      },
    });
    const planned = await planRun(RunConfig.parse(sent), local, { strict: true });
    await createRun(planned, local);
    const { runId } = planned.plan;
    const { run } = await carryOut(runId, local, { emit: () => {}, signal: new AbortController().signal });
    if (run.state !== "finished") throw new Error(`the local run ${run.state}: ${run.reason}`);
    return { runId, files: await outcomeOf(runId, local.blobs) };
  } finally {
    await local.close();
  }
}

/** Sends data and config through the API's door, as the command line does. */
export async function sendRun(config: RunConfig, client: ServiceClient): Promise<string> {
  const sent = await sentBy(config, {
    image: async (bytes) => (await client.uploadImage(new Uint8Array(bytes))).id,
    manifest: async (rows) => (await client.uploadManifest(rows)).id,
  });
  const answer = await client.api.v1.runs.$post({ json: { config: sent }, header: {} } as never);
  if (!answer.ok) throw new Error(`POST /v1/runs: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { id: string }).id;
}

/** A door that takes pictures and rows, and names what it took. */
type Door = {
  image: (bytes: Uint8Array) => Promise<string>;
  manifest: (rows: AsyncIterable<object>) => Promise<string>;
};

/** The config with manifests in the place of paths. */
async function sentBy({ data, evaluate, ...rest }: RunConfig, door: Door): Promise<object> {
  const manifestOf = async (ref: RunConfig["data"] | undefined) => {
    if (ref === undefined || !("path" in ref)) throw new Error("the demo's data are paths");
    return { manifest: await door.manifest(rowsOf(ref.path, door)) };
  };
  const parts = evaluate && { data: await manifestOf(evaluate.data), selection: await manifestOf(evaluate.selection) };
  return { ...rest, data: await manifestOf(data), evaluate: evaluate && { ...evaluate, ...parts } };
}

async function* rowsOf(path: string, door: Door): AsyncGenerator<object> {
  for await (const row of readManifest({ path }, { blobs: { writeContent: door.image } })) {
    if (row.outcome !== "sample") throw new Error(`${path}: a row is bad`);
    const { image, question, metadata } = row.sample;
    yield { ...metadata, image: image.sha256, question };
  }
}

const KEPT =
  /\/(pairs\.jsonl|pairing\.json|selection\.json|metrics\.json|checkpoints\/[^/]+\.safetensors|dataset\/.+)$/;

/** Everything a run makes but its times and costs: by name, as text or hash. */
export async function outcomeOf(runId: string, blobs: Pick<BlobStore, "list" | "read">): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const key of blobs.list(`runs/${runId}/`)) {
    const bytes = KEPT.test(key) || key.endsWith("/report.json") ? await blobs.read(key) : undefined;
    if (bytes === undefined) continue;
    files.set(key, key.endsWith("/report.json") ? withoutTimes(bytes) : sha256Hex(bytes));
  }
  return files;
}

const TIMES = new Set([
  "seconds",
  "cost_usd",
  "created_at",
  "requests",
  "cached_replies",
  "prompt_tokens",
  "completion_tokens",
]);

/** Costs, times and how often the cache answered differ from place to place; every figure of the models does not. */
function withoutTimes(report: Uint8Array): string {
  const { config: _where, ...rest } = JSON.parse(new TextDecoder().decode(report)) as Record<string, unknown>;
  return JSON.stringify(rest, (key, value) => (TIMES.has(key) ? undefined : value), 1);
}
