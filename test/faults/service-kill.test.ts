import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { connect, jsonOf, type ServiceClient } from "../../functions/client/client.ts";
import { writeScenes } from "../../functions/embedded/world/write-scenes.ts";
import { readManifest } from "../../functions/intake/manifest.ts";
import { embeddedConfig } from "../../functions/runtime/embedded-models.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MAIN = new URL("../../functions/cli/main.ts", import.meta.url).pathname;
const KILLS = 3;

type Running = { child: ChildProcess; client: ServiceClient };

/** A service as its user starts it, on a port of its own. */
async function startService(dataDir: string): Promise<Running> {
  const child = spawn(process.execPath, [MAIN, "start", "--port", "0", "--data", dataDir, "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let told = "";
  for await (const piece of child.stdout!.setEncoding("utf8")) {
    told += piece;
    if (told.trimEnd().endsWith("}")) break;
  }
  return { child, client: connect((JSON.parse(told) as { url: string }).url) };
}

async function kill({ child }: Running): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

/** The rows go up once; the run's own settings come with them. */
async function send(client: ServiceClient, manifest: string): Promise<string> {
  const rows = [];
  const blobs = { writeContent: async (bytes: Uint8Array) => (await client.uploadImage(new Uint8Array(bytes))).id };
  for await (const row of readManifest({ path: manifest }, { blobs })) {
    assert.ok(row.outcome === "sample");
    const { image, question, metadata } = row.sample;
    rows.push({ ...metadata, image: image.sha256, question });
  }
  const config = embeddedConfig({ name: "killed", seed: 9, rounds: 2, data: "x", selection: "x", evaluation: "x" });
  const { evaluate: _evaluate, data: _data, ...rest } = config;
  return (await client.createRun({ config: { ...rest, shardSamples: 6 } }, rows)).id;
}

const stateOf = async ({ client }: Running, id: string) =>
  (await jsonOf(client.api.v1.runs[":id"].$get({ param: { id } }))).state;

async function hashes(client: ServiceClient, id: string): Promise<string[]> {
  const made: string[] = [];
  for (const round of [1, 2]) {
    const { body } = await client.dataset(id, { round, format: "jsonl", as: "records" });
    const hash = createHash("sha256");
    for await (const piece of body) hash.update(piece);
    made.push(hash.digest("hex"));
  }
  return made;
}

async function untilFinished(service: Running, id: string): Promise<void> {
  const gone = new AbortController();
  for await (const { event } of service.client.events(id, { signal: gone.signal })) {
    if (event.kind === "run" && event.state === "finished") gone.abort();
    assert.ok(event.kind !== "run" || event.state !== "failed", JSON.stringify(event));
  }
}

test("a service killed in the middle goes on by itself, to the dataset of one that was left alone", async () => {
  await using folder = await tempFolder("service-kill");
  const manifest = await writeScenes({ folder: join(folder.path, "scenes"), split: "train", seed: 4, count: 36 });

  const calm = await startService(join(folder.path, "calm"));
  const id = await send(calm.client, manifest);
  const started = performance.now();
  await untilFinished(calm, id);
  const usualMs = performance.now() - started;
  const expected = await hashes(calm.client, id);
  await kill(calm);

  const dataDir = join(folder.path, "killed");
  let service = await startService(dataDir);
  assert.equal(await send(service.client, manifest), id, "the same run has the same id");
  let cutShort = 0;
  for (let kills = 1; kills <= KILLS; kills++) {
    await new Promise((resolve) => setTimeout(resolve, (usualMs * kills) / (KILLS + 2)));
    if ((await stateOf(service, id)) === "running") cutShort++;
    await kill(service);
    service = await startService(dataDir);
  }
  await untilFinished(service, id);
  assert.deepEqual(await hashes(service.client, id), expected);
  assert.ok(cutShort > 0, "no kill met the run at work");

  const told: number[] = [];
  const enough = new AbortController();
  for await (const { seq, event } of service.client.events(id, { signal: enough.signal })) {
    told.push(seq);
    if (event.kind === "run" && event.state === "finished") enough.abort();
  }
  assert.deepEqual(
    told,
    Array.from(told, (_, at) => at + 1),
    "events count on without gaps over all processes",
  );
  await kill(service);
});
