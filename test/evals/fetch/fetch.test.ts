import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  type FetchDeps,
  type Fetched,
  type FetchPlan,
  fetchBench,
  surveyBench,
} from "../../../functions/evals/fetch/fetch.ts";
import { EvaluationError } from "../../../functions/evals/problems.ts";
import { SOURCES } from "../../../functions/evals/sources.ts";
import { httpServer, localRules } from "../../intake/hostile/servers.ts";
import { picture, temporaryFolder, writeFiles } from "../../intake/support.ts";
import { zipOf } from "./zips.ts";

const sha256Of = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");

/** A mirror with these files; everything else is 404. `asked`: the paths. */
async function mirrorOf(t: TestContext, files: Record<string, string | Uint8Array>) {
  const asked: string[] = [];
  const server = await httpServer(t, ({ url = "" }, reply) => {
    asked.push(url);
    const content = files[url];
    if (content === undefined) reply.writeHead(404).end();
    else reply.end(content);
  });
  const deps: FetchDeps = {
    rules: localRules(server, { allowHttp: true }),
    onStart: () => undefined,
    onBytes: () => undefined,
    onRedirect: () => undefined,
  };
  return { asked, deps, mirror: server.url("") };
}

async function offline(t: TestContext): Promise<FetchDeps> {
  const { deps } = await mirrorOf(t, {});
  return { ...deps, rules: { resolve: async () => Promise.reject(new Error("ENOTFOUND")) } };
}

const endings = (outcomes: readonly Fetched[]) =>
  Object.fromEntries(
    outcomes.map((one) => [one.source.path, one.outcome === "failed" ? one.problem.problem : one.outcome]),
  );

const AMBER = SOURCES.amber.filter(({ pictures }) => pictures !== true).map(({ path }) => path);

test("a bench's files are fetched once, recorded with their hashes, and not asked for again", async (t) => {
  const files = Object.fromEntries(AMBER.map((path) => [`/amber/${path}`, `content of ${path}`]));
  const { mirror, asked, deps } = await mirrorOf(t, files);
  const plan: FetchPlan = { bench: "amber", cache: await temporaryFolder(t), pictures: false, mirror };
  const first = await fetchBench(plan, deps);
  assert.deepEqual(endings(first), Object.fromEntries(AMBER.map((path) => [path, "fetched"])));
  const [query] = first;
  assert.deepEqual(query?.outcome === "fetched" && query.fetched, {
    ...{ from: `${mirror}/amber/${AMBER[0]}`, licence: "Apache-2.0", hash: "recorded" },
    sha256: sha256Of(`content of ${AMBER[0]}`),
    files: [{ path: AMBER[0], bytes: `content of ${AMBER[0]}`.length, sha256: sha256Of(`content of ${AMBER[0]}`) }],
  });
  assert.deepEqual(endings(await fetchBench(plan, deps)), Object.fromEntries(AMBER.map((path) => [path, "present"])));
  assert.equal(asked.length, AMBER.length);
  await writeFile(join(plan.cache, "amber", "data", "relation.json"), "changed");
  const survey = await surveyBench(plan.cache, "amber");
  assert.deepEqual(
    survey.filter(({ status }) => status === "changed").map(({ source }) => source.path),
    ["data/relation.json"],
  );
  await fetchBench(plan, deps);
  assert.equal(asked.length, AMBER.length + 1);
});

test("a file that is not the expected one is refused, and the others are fetched all the same", async (t) => {
  const { mirror, deps } = await mirrorOf(t, {
    "/refomb/RefoMB_dev.jsonl": "something else",
    "/refomb/RefoMB_gpt4v_dev.jsonl": "answers",
  });
  const plan: FetchPlan = { bench: "refomb", cache: await temporaryFolder(t), pictures: false, mirror };
  const outcomes = await fetchBench(plan, deps);
  assert.deepEqual(endings(outcomes), { "RefoMB_dev.jsonl": "wrong_hash", "RefoMB_gpt4v_dev.jsonl": "fetched" });
  assert.deepEqual(
    (await readdir(join(plan.cache, "refomb"))).filter((name) => name.includes("dev.jsonl")),
    ["RefoMB_gpt4v_dev.jsonl"],
  );
});

test("without a network every file is told with the reason, and those without an address with their page", async (t) => {
  const plan: FetchPlan = { bench: "amber", cache: await temporaryFolder(t), pictures: true };
  const outcomes = await fetchBench(plan, await offline(t));
  assert.deepEqual(
    outcomes.map((one) => one.outcome === "failed" && one.problem.problem),
    SOURCES.amber.map(() => "unreachable"),
  );
  const messages = outcomes.map((one) => (one.outcome === "failed" ? one.problem.message : ""));
  assert.match(messages[0]!, /^https:\/\/raw\.githubusercontent\.com\/.* could not be fetched: .* cannot be resolved$/);
  assert.match(messages.at(-1)!, /open https:\/\/drive\.google\.com\/.* in a browser/);
});

const MEMBERS = SOURCES["object-halbench"][1]!.unpack!.members as readonly string[];

test("files that the user has are found by their names, unpacked or within an archive", async (t) => {
  const folder = await temporaryFolder(t);
  const members = Object.fromEntries(MEMBERS.map((path) => [path, `{"of": "${path}"}`]));
  await writeFiles(folder, { "got/deep/obj_halbench_300_with_image.jsonl": "{}", ...inFolder("got/coco", members) });
  await writeFile(join(folder, "mine.zip"), await zipOf({ "x/obj_halbench_300_with_image.jsonl": "{}", ...members }));
  for (const from of [join(folder, "got"), join(folder, "mine.zip")]) {
    const cache = await temporaryFolder(t);
    const outcomes = await fetchBench({ bench: "object-halbench", cache, pictures: false, from }, await offline(t));
    assert.deepEqual(endings(outcomes), {
      "obj_halbench_300_with_image.jsonl": "fetched",
      "annotations_trainval2014.zip": "fetched",
      "synonyms_refine.txt": "not_found",
    });
    for (const path of MEMBERS) {
      assert.equal(await readFile(join(cache, "object-halbench", path), "utf8"), members[path], from);
    }
  }
});

test("an archive by its official name must be the official one", async (t) => {
  const folder = await temporaryFolder(t);
  const from = join(folder, "annotations_trainval2014.zip");
  await writeFile(from, await zipOf(Object.fromEntries(MEMBERS.map((path) => [path, "{}"]))));
  const plan: FetchPlan = { bench: "object-halbench", cache: join(folder, "cache"), pictures: false, from };
  assert.equal(endings(await fetchBench(plan, await offline(t)))["annotations_trainval2014.zip"], "wrong_hash");
});

test("pictures come out of an archive under their own names, and nowhere else", async (t) => {
  const folder = await temporaryFolder(t);
  const from = join(folder, "pictures.zip");
  const png = await picture("png");
  await writeFile(from, await zipOf({ "a/AMBER_1.png": png, "../../AMBER_2.jpg": png, "__MACOSX/._AMBER_1.png": "x" }));
  const cache = join(folder, "cache");
  const outcomes = await fetchBench({ bench: "amber", cache, pictures: true, from }, await offline(t));
  const pictures = outcomes.find(({ source }) => source.pictures === true);
  assert.equal(pictures?.outcome === "fetched" && pictures.fetched.pictures, 2);
  assert.deepEqual(await readdir(join(cache, "amber", "images")), ["AMBER_1.png", "AMBER_2.jpg"]);
  assert.deepEqual(await readFile(join(cache, "amber", "images", "AMBER_2.jpg")), png);
});

test("two processes do not fetch into one folder at once, and a place that is not there is told", async (t) => {
  const cache = await temporaryFolder(t);
  const plan: FetchPlan = { bench: "pope", cache, pictures: false, from: join(cache, "nothing") };
  const refused = (part: RegExp) => (error: unknown) => error instanceof EvaluationError && part.test(error.message);
  await assert.rejects(fetchBench(plan, await offline(t)), refused(/nothing: there is no such file or folder/));
  const { acquireLock } = await import("../../../functions/adapters/files/lock.ts");
  const lock = await acquireLock(join(cache, "pope"));
  assert.equal(lock.outcome, "acquired");
  await assert.rejects(fetchBench(plan, await offline(t)), refused(/is in use by process/));
  if (lock.outcome === "acquired") await lock.release();
});

function inFolder(folder: string, files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content]));
}
