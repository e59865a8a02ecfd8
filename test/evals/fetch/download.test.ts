import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import type { IncomingHttpHeaders, RequestListener } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../../functions/adapters/clock.ts";
import { FetchError } from "../../../functions/evals/fetch/check.ts";
import { type DownloadDeps, download, type Wanted } from "../../../functions/evals/fetch/download.ts";
import { httpsServer, localRules, type TestServer } from "../../intake/hostile/servers.ts";
import { temporaryFolder } from "../../intake/support.ts";

const CONTENT = Buffer.from(Array.from({ length: 50_000 }, (_, at) => (at * 7919) % 251));
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");

type Asked = { range: string | undefined; ifRange: string | undefined };

/** A server that knows ranges, and breaks its first connections once 12,000 bytes of each lie on the client's disk. */
function rangeServer(asked: Asked[], { cuts = 0, etag = '"v1"', ranges = true, part = "" } = {}): RequestListener {
  let left = cuts;
  return async ({ headers }, reply) => {
    asked.push({ range: headers.range, ifRange: headers["if-range"] as string | undefined });
    const start = ranges ? startOf(headers, etag) : 0;
    const body = CONTENT.subarray(start);
    const range = { "content-range": `bytes ${start}-${CONTENT.length - 1}/${CONTENT.length}` };
    reply.writeHead(start > 0 ? 206 : 200, { etag, "content-length": body.length, ...(start > 0 ? range : {}) });
    if (left-- <= 0) return void reply.end(body);
    reply.write(body.subarray(0, 12_000));
    await grownTo(part, start + 12_000);
    reply.destroy();
  };
}

function startOf({ range = "", "if-range": ifRange = undefined }: IncomingHttpHeaders, etag: string): number {
  return ifRange === undefined || ifRange === etag ? Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0) : 0;
}

async function grownTo(path: string, bytes: number): Promise<void> {
  while ((await sizeOf(path)) < bytes) await systemClock.sleep(5);
}

const sizeOf = (path: string) => stat(path).then(({ size }) => size, () => 0); // biome-ignore format: one thought

async function opened(t: TestContext, answerFor: RequestListener | ((part: string) => RequestListener)) {
  const path = join(await temporaryFolder(t), "deep", "file.bin");
  const answer = answerFor.length === 1 ? (answerFor as (part: string) => RequestListener)(`${path}.part`) : answerFor;
  const server = await httpsServer(t, answer as RequestListener);
  const wanted: Wanted = { url: server.url("/file.bin"), path, sha256: SHA256, servers: [] };
  return { server, path, wanted, deps: depsOf(server) };
}

function depsOf(server: TestServer): DownloadDeps & { redirects: string[] } {
  const redirects: string[] = [];
  const onRedirect = ({ hostname }: URL) => void redirects.push(hostname);
  return { rules: localRules(server), onBytes: () => undefined, onRedirect, redirects };
}

async function problemOf(work: Promise<unknown>): Promise<FetchError> {
  return work.then(
    () => assert.fail("it was fetched"),
    (error: unknown) => (error instanceof FetchError ? error : assert.fail(String(error))),
  );
}

test("a connection that breaks twice is taken up again where it broke, and the whole file is checked", async (t) => {
  const asked: Asked[] = [];
  const { path, wanted, deps } = await opened(t, (part: string) => rangeServer(asked, { cuts: 2, part }));
  assert.deepEqual(await download(wanted, deps), { sha256: SHA256, bytes: CONTENT.length });
  assert.deepEqual(await readFile(path), CONTENT);
  assert.deepEqual(asked, [
    { range: undefined, ifRange: undefined },
    { range: "bytes=12000-", ifRange: '"v1"' },
    { range: "bytes=24000-", ifRange: '"v1"' },
  ]);
  assert.deepEqual(await readdir(join(path, "..")), ["file.bin"]);
});

test("a server without ranges is asked for everything again", async (t) => {
  const asked: Asked[] = [];
  const { path, wanted, deps } = await opened(t, (part: string) =>
    rangeServer(asked, { cuts: 1, ranges: false, part }),
  );
  await download(wanted, deps);
  assert.deepEqual(await readFile(path), CONTENT);
  assert.equal(asked.length, 2);
});

test("what a killed process left is gone on with, but not where the file is another version now", async (t) => {
  for (const [version, ranges] of [
    ['"v1"', ["bytes=12000-"]],
    ['"old"', ["bytes=12000-"]],
  ] as const) {
    const asked: Asked[] = [];
    const { path, wanted, deps } = await opened(t, rangeServer(asked));
    const { sha256: _, ...unknown } = wanted;
    await writeFileIn(`${path}.part`, CONTENT.subarray(0, 12_000));
    await writeFileIn(`${path}.part.json`, JSON.stringify({ url: wanted.url, validator: version }));
    await download(unknown, deps);
    assert.deepEqual(await readFile(path), CONTENT, version);
    assert.deepEqual(
      asked.map(({ range }) => range),
      ranges,
    );
  }
});

test("half a file of unknown origin is not gone on with, unless a known hash decides", async (t) => {
  const asked: Asked[] = [];
  const { path, wanted, deps } = await opened(t, rangeServer(asked));
  await writeFileIn(`${path}.part`, Buffer.from("another file's beginning"));
  const { sha256: _, ...unknown } = wanted;
  await download(unknown, deps);
  assert.deepEqual(await readFile(path), CONTENT);
  await writeFileIn(`${path}.part`, Buffer.from("another file's beginning"));
  await download(wanted, deps);
  assert.deepEqual(await readFile(path), CONTENT);
  assert.deepEqual(
    asked.map(({ range }) => range),
    [undefined, "bytes=24-", undefined],
  );
});

test("a file with another hash is refused, told with both hashes, and leaves nothing", async (t) => {
  const { path, wanted, deps } = await opened(t, rangeServer([]));
  const problem = await problemOf(download({ ...wanted, sha256: "0".repeat(64) }, deps));
  assert.equal(problem.problem, "wrong_hash");
  assert.match(problem.message, new RegExp(`has SHA-256 ${SHA256}, and 0{64} was expected`));
  assert.deepEqual(await readdir(join(path, "..")), []);
});

test("a missing file is told with its status at once", async (t) => {
  let requests = 0;
  const { wanted, deps } = await opened(t, (_request, reply) => {
    requests++;
    reply.writeHead(404).end("no");
  });
  const problem = await problemOf(download(wanted, deps));
  assert.deepEqual([problem.problem, /answered 404/.test(problem.message), requests], ["refused", true, 1]);
});

test("a redirect to another server is refused, and told where the source allows that server", async (t) => {
  const { server, wanted, deps } = await opened(t, ({ headers, url }, reply) => {
    if (url === "/moved") return void reply.writeHead(200).end(CONTENT);
    reply.writeHead(302, { location: `https://other.test:${String(headers.host).split(":")[1]}/moved` }).end();
  });
  const problem = await problemOf(download(wanted, deps));
  assert.match(problem.message, /leads to another server, other\.test, which is not asked/);
  assert.deepEqual(server.hosts.length, 1);
  await download({ ...wanted, servers: [".test"] }, deps);
  assert.deepEqual(deps.redirects, ["other.test"]);
});

test("a server that falls silent is left after a while, with what came so far", async (t) => {
  const { path, wanted, deps } = await opened(t, (_request, reply) => {
    reply.writeHead(200, { "content-length": CONTENT.length, etag: '"v1"' }).write(CONTENT.subarray(0, 100));
  });
  const problem = await problemOf(download(wanted, { ...deps, stallMs: 200 }));
  assert.match(problem.message, /could not be fetched: .*(nothing for 200 ms|broke off|abort)/);
  assert.equal((await readFile(`${path}.part`)).length, 100);
});

test("without a network the problem says so, and nothing is tried five times", async (t) => {
  const { wanted, deps } = await opened(t, () => undefined);
  const rules = { ...deps.rules, resolve: async () => Promise.reject(new Error("ENOTFOUND")) };
  const problem = await problemOf(download(wanted, { ...deps, rules }));
  assert.match(problem.message, /could not be fetched: pictures\.test cannot be resolved/);
});

async function writeFileIn(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, content);
}
