import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { httpServer } from "../intake/hostile/servers.ts";
import { temporaryFolder, writeFiles } from "../intake/support.ts";

const MAIN = new URL("../../functions/cli/main.ts", import.meta.url).pathname;

function rlaifv(cache: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, NO_COLOR: "1", XDG_CACHE_HOME: cache };
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, "eval", ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

test("what was fetched is found by an evaluation, with licence and hash told before and after", async (t) => {
  const folder = await temporaryFolder(t);
  const files: Record<string, unknown> = {
    "query/query_all.json": [{ id: 1, image: "AMBER_1.jpg", query: "Describe it." }],
    "query/query_generative.json": [],
    "query/query_discriminative.json": [],
    "annotations.json": [{ id: 1, type: "generative", truth: ["tower"], hallu: ["comet"] }],
    "relation.json": { tower: [], comet: [] },
    "safe_words.txt": "line\n",
  };
  const server = await httpServer(t, ({ url = "" }, reply) => {
    const content = files[url.replace("/amber/data/", "")];
    if (content === undefined) return void reply.writeHead(404).end();
    reply.end(typeof content === "string" ? content : JSON.stringify(content));
  });
  const mirror = `http://127.0.0.1:${server.port}`;
  const fetched = await rlaifv(folder, "fetch", "amber", "--mirror", mirror);
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.match(fetched.stderr, /licence: Apache-2\.0\n {2}from http:.*\n {2}SHA-256 not known beforehand/);
  assert.match(
    fetched.stderr,
    /data\/safe_words\.txt: is here, SHA-256 [0-9a-f]{64} \(recorded;.*licence: Apache-2\.0/,
  );
  const listed = await rlaifv(folder, "fetch", "amber", "--list", "--json");
  const [survey] = JSON.parse(listed.stdout) as { sources: { status: string }[] }[];
  assert.deepEqual(
    survey!.sources.map(({ status }) => status),
    [...Object.keys(files).map(() => "present"), "missing"],
  );
  const answers = join(folder, "answers.json");
  await writeFile(answers, JSON.stringify([{ id: 1, response: "A tower." }]));
  const run = await rlaifv(folder, "amber", "--answers", answers, "--data", join(folder, "data"), "--json");
  assert.equal(run.code, 0, run.stderr);
  assert.equal(JSON.parse(run.stdout).result.figures.cover.value, 1);
});

test("what cannot be fetched is told with address, licence and the way without a network", async (t) => {
  const folder = await temporaryFolder(t);
  const server = await httpServer(t, (_request, reply) => void reply.writeHead(503).end());
  const run = await rlaifv(folder, "fetch", "mmhal", "--mirror", `http://127.0.0.1:${server.port}`);
  assert.equal(run.code, 2, run.stderr);
  assert.match(run.stderr, /mmhal-bench_answer_template\.json: .* the server answered 503/);
  assert.match(run.stdout, /still missing:\n {2}mmhal-bench_answer_template\.json {2}https:.*\(Apache-2\.0/);
  assert.match(run.stdout, /--from DIR/);
});

test("Object HalBench needs nothing but the answers once COCO's files were given", async (t) => {
  const folder = await temporaryFolder(t);
  const coco = (name: string, content: object) => ({ [`got/annotations/${name}2014.json`]: JSON.stringify(content) });
  const categories = [{ id: 18, name: "dog" }];
  await writeFiles(folder, {
    ...coco("instances_train", { categories, annotations: [] }),
    ...coco("captions_train", { annotations: [] }),
    ...coco("instances_val", { categories, annotations: [{ image_id: 7, category_id: 18 }] }),
    ...coco("captions_val", { annotations: [{ image_id: 7, caption: "A dog." }] }),
    "answers.jsonl": JSON.stringify({ image_id: 7, prompt: "Describe it.", text: "A dog and a cat." }),
  });
  const taken = await rlaifv(folder, "fetch", "object-halbench", "--from", join(folder, "got"));
  assert.equal(taken.code, 2, taken.stderr); // the questions are not among them, and are told
  const scored = ["object-halbench", "--answers", join(folder, "answers.jsonl"), "--data", join(folder, "data")];
  const run = await rlaifv(folder, ...scored, "--json");
  assert.equal(run.code, 0, run.stderr);
  assert.equal(JSON.parse(run.stdout).result.figures.mention_hallucination.value, 1 / 2);
});
