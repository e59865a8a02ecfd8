import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Listening, listen } from "../../functions/api/listen.ts";
import { writeScenes } from "../../functions/embedded/world/write-scenes.ts";
import { readManifest } from "../../functions/intake/manifest.ts";
import { embeddedConfig } from "../../functions/runtime/embedded-models.ts";
import { openService, type Service } from "../../functions/runtime/service.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MAIN = new URL("../../functions/cli/main.ts", import.meta.url).pathname;

type Ended = { code: number | null; stdout: string; stderr: string };

describe("with --server the same commands work elsewhere", () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let service: Service;
  let server: Listening;
  let scenes: string;

  before(async () => {
    folder = await tempFolder("remote");
    service = await openService({
      dataDir: join(folder.path, "service"),
      env: {},
      ownerWithoutKey: true,
      anonymousChat: true,
      trustProxy: false,
      configs: [],
      web: {},
      onFault: (error, where) => console.error(where, error),
    });
    server = await listen(service.app, { port: 0, host: "127.0.0.1" });
    await service.start();
    scenes = await writeScenes({ folder: join(folder.path, "scenes"), split: "train", seed: 3, count: 24 });
  });

  after(async () => {
    await server.close();
    await service.close();
    await folder[Symbol.asyncDispose]();
  });

  function rlaifv(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    const child = spawn(process.execPath, [MAIN, "--server", server.url, ...args], {
      env: { ...process.env, NO_COLOR: "1", ...env },
    });
    const ended: Ended = { code: null, stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      ended.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      ended.stderr += text;
    });
    return new Promise((resolve) => child.on("close", (code) => resolve({ ...ended, code })));
  }

  const picture = () => join(folder.path, "scenes", "train-3-00000.png");

  async function configFile(): Promise<string> {
    const config = embeddedConfig({
      name: "sent",
      seed: 5,
      rounds: 1,
      data: scenes,
      selection: scenes,
      evaluation: scenes,
    });
    const { evaluate: _evaluate, train: _train, ...dataset } = config;
    const path = join(folder.path, "sent.json");
    await writeFile(path, JSON.stringify(dataset));
    return path;
  }

  test("an estimate, then the run itself with its images and rows, watched to its end, and its dataset", async () => {
    const config = await configFile();
    const estimate = await rlaifv(["estimate", config, "--json"]);
    assert.equal(estimate.code, 0, estimate.stderr);
    const { pilot, samples, usd, pairs } = JSON.parse(estimate.stdout);
    assert.deepEqual([pilot.samples, samples], [20, 24]);
    assert.ok(usd.value > 0);

    const run = await rlaifv(["run", config, "--json"]);
    assert.equal(run.code, 0, run.stderr);
    const { run: id, state } = JSON.parse(run.stdout);
    assert.equal(state, "finished");

    const made = await fetch(`${server.url}/v1/runs/${id}/pairs?round=1`);
    const { total } = (await made.json()) as { total: number };
    const [low, high] = pairs.ci as [number, number];
    assert.ok(total >= low * 0.8 && total <= high * 1.2, `${total} pairs, the pilot said ${low} to ${high}`);

    const zip = join(folder.path, "sent.zip");
    assert.equal((await rlaifv(["export", id, "--round", "1", "--out", zip])).code, 0);
    assert.equal((await readFile(zip)).subarray(0, 2).toString(), "PK");

    const sent = new Set<string>();
    for await (const row of readManifest({ path: scenes }, { blobs: { writeContent: async () => "" } }))
      if (row.outcome === "sample") sent.add(row.sample.sampleId);
    const shown = await rlaifv(["status", id, "--sample", [...sent][0]!, "--json"]);
    assert.equal(shown.code, 0, shown.stderr); // the same rows have the same ids there as here
    assert.equal(JSON.parse(shown.stdout).answers.length, 10);
  });

  test("an evaluation there is waited for, shown with its figures, and gated by the exit code", async () => {
    const asked = ["eval", "scenes", "--model", "embedded/policy", "--count", "4", "--json", "--gate"];
    const passed = await rlaifv([...asked, "recall > 0.1"]);
    assert.equal(passed.code, 0, passed.stderr);
    const { evaluation, result } = JSON.parse(passed.stdout);
    assert.ok(result.figures.recall.value > 0.1);
    assert.match(passed.stderr, new RegExp(`${evaluation}: `));
    const failed = await rlaifv([...asked, "recall > 1"]);
    assert.equal(failed.code, 6, failed.stderr);
    const nobody = await rlaifv(["eval", "scenes", "--model", "nobody"]);
    assert.deepEqual([nobody.code, /there is no model "nobody"/.test(nobody.stderr)], [2, true]);
    const none = await rlaifv(["eval", "nothing"]);
    assert.match(none.stderr, /there is no bench "nothing"/);
  });

  test("the demo's model answers there, alone and with its claims checked", async () => {
    const demo = await rlaifv(["demo", "--rounds", "1", "--images", "12", "--detach", "--json"]);
    assert.equal(demo.code, 0, demo.stderr);
    const { run } = JSON.parse(demo.stdout);
    assert.equal((await rlaifv(["resume", run])).code, 0); // stays with it to the end

    const models = JSON.parse((await rlaifv(["models", "--json"])).stdout) as { id: string }[];
    assert.ok(models.some(({ id }) => id === "embedded/policy"));
    const model = models.find(({ id }) => id === "rlaifv-demo-r1")?.id ?? "embedded/policy"; // a gate may keep the base

    const chat = await rlaifv(["chat", "Describe the picture.", "--image", picture(), "--model", model]);
    assert.match(chat.stdout, /\w+\./);
    const best = ["chat", "Describe the picture.", "--image", picture(), "--best-of", "3", "--json"];
    const { answer, trust } = JSON.parse((await rlaifv(best)).stdout);
    assert.ok(answer.length > 0);
    assert.equal(trust.candidates.length, 3);
    const score = ["score", "--image", picture(), "--answer", "There is a submarine.", "--json"];
    const { claims } = JSON.parse((await rlaifv(score)).stdout);
    assert.deepEqual(
      claims.map(({ text }: { text: string }) => text),
      ["There is a submarine."],
    );
  });

  test("a refusal says what to do, and the exit code is that of wrong use", async () => {
    const unknown = await rlaifv(["status", "nope"]);
    assert.deepEqual([unknown.code, /There is no run "nope"/.test(unknown.stderr)], [2, true]);
    assert.match(unknown.stderr, /what to do:/);
    const badKey = await rlaifv(["status"], { RLAIFV_API_KEY: "rlk_wrong" });
    assert.deepEqual([badKey.code, /API key/.test(badKey.stderr)], [2, true]);
    const here = await rlaifv(["pairs"]);
    assert.deepEqual([here.code, /go without --server/.test(here.stderr)], [2, true]);
  });

  test("a server that is not there, and an address that is none, are told as such", async () => {
    const away = await rlaifv(["status", "--server", "http://127.0.0.1:1"]);
    assert.deepEqual([away.code, /cannot be reached/.test(away.stderr)], [2, true]);
    const none = await rlaifv(["status", "--server", "ftp://x"]);
    assert.deepEqual([none.code, /is not an address/.test(none.stderr)], [2, true]);
  });
});
