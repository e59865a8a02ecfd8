/** A service that takes short bodies only, as one behind an edge does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ownDoor } from "../../functions/api/uploads/own-door.ts";
import { connect, ServiceError } from "../../functions/client/client.ts";
import { serviceError } from "../../functions/client/problem.ts";
import { picture } from "../intake/support.ts";
import { openTestApi, type TestApi } from "../support/api.ts";
import { testConfig } from "../support/scored-run.ts";

const { data: _, ...CONFIG } = testConfig();
const MOST = 2000; // bytes

type Asked = { method: string; path: string; bytes: number };
type Edge = (asked: Asked, tries: number) => Response | undefined;

/** Refuses what the edge would refuse, except what goes to an upload's URL; tells what was asked. */
async function behindEdge(edge: Edge = () => undefined) {
  const api = await openTestApi("memory", { uploads: ownDoor(MOST) });
  const asked: Asked[] = [];
  const waits: number[] = [];
  const fetchThrough = (async (input, init) => {
    const request = new Request(input as string, { ...init, duplex: "half" } as RequestInit);
    const body = await request.clone().arrayBuffer();
    const one = { method: request.method, path: new URL(request.url).pathname, bytes: body.byteLength };
    asked.push(one);
    if (one.method !== "PUT" && one.bytes > 1.1 * MOST) return new Response("too large", { status: 413 });
    const tries = asked.filter(({ method, path }) => method === one.method && path === one.path).length;
    const answer = await api.app.request(request);
    return edge(one, tries) ?? answer;
  }) as typeof fetch;
  const wait = async (seconds: number) => void waits.push(seconds);
  const client = connect("http://service", { apiKey: api.admin, fetch: fetchThrough, wait });
  return { api, client, asked, waits, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() };
}

const png = async (size: number) => new Uint8Array(await picture("png", size, size));
const straight = ({ admin, app }: TestApi) =>
  connect("http://service", {
    apiKey: admin,
    fetch: (async (input, init) => app.request(input as string, init)) as typeof fetch,
  });
const rowsOf = (image: string, count: number) =>
  Array.from({ length: count }, (__, at) => ({ image, question: `What is there, ${at}?` }));

test("small images go straight, large ones by an upload, and the limit is asked for once", async () => {
  await using edge = await behindEdge();
  const [small, large] = [await png(8), await png(64)];
  assert.ok(small.length < MOST && large.length > MOST);
  await edge.client.uploadImage(small);
  const { id } = await edge.client.uploadImage(large);
  const routes = edge.asked.map(({ method, path }) => `${method} ${path.replace(/upl_\w+/, "ID")}`);
  const uploading = ["POST /v1/uploads", "PUT /v1/uploads/ID", "POST /v1/images"];
  assert.deepEqual(routes, ["GET /v1/limits", "POST /v1/images", ...uploading]);
  assert.equal(id, (await straight(edge.api).uploadImage(large)).id);
});

test("manifests, runs and estimates of many rows come through whole, from iterables and from files", async () => {
  await using edge = await behindEdge();
  const { id } = await edge.client.uploadImage(await png(8));
  async function* many() {
    yield* rowsOf(id, 300);
  }
  assert.equal((await edge.client.uploadManifest(many())).samples, 300);
  const file = new Blob(rowsOf(id, 200).map((row) => `${JSON.stringify({ image: row.image })}\n`));
  assert.equal((await edge.client.uploadManifest(file, { question: "What is there?" })).samples, 1); // the same sample
  assert.equal((await edge.client.createRun({ config: CONFIG }, rowsOf(id, 3))).samples.data, 3);
  assert.equal((await edge.client.createRun({ config: CONFIG }, many())).samples.data, 300);
  assert.equal((await edge.client.estimateRun({ config: CONFIG }, many())).pilot.samples, 20);
});

test("a small picture is named as a data URL, a large one by the id of what was uploaded", async () => {
  await using edge = await behindEdge();
  const [small, large] = [await png(8), await png(64)];
  const inline = await edge.client.imageReference(new Blob([small], { type: "image/png" }));
  assert.equal(inline, `data:image/png;base64,${Buffer.from(small).toString("base64")}`);
  const { id } = await straight(edge.api).uploadImage(large);
  assert.equal(await edge.client.imageReference(new Blob([large])), id);
  await using open = await openTestApi();
  const whole = await open.client().imageReference(new Blob([large]));
  assert.ok(whole === `data:image/png;base64,${Buffer.from(large).toString("base64")}`);
});

test("an answer that was lost on its way is asked for again, and the work is done once", async () => {
  const lost = () => new Response("Gateway Timeout", { status: 504 });
  await using edge = await behindEdge(({ path }, tries) =>
    path === "/v1/manifests" && tries < 3 ? lost() : undefined,
  );
  const { id } = await edge.client.uploadImage(await png(8));
  const manifest = await edge.client.uploadManifest(rowsOf(id, 100));
  assert.deepEqual(edge.waits, [5, 5]);
  const written = [];
  for await (const key of edge.api.deps.blobs.list("manifests/")) written.push(key);
  assert.deepEqual(written, [`manifests/${manifest.id}.json`, `manifests/${manifest.id}.jsonl`]);
});

test("bytes whose arrival was not acknowledged are there: the URL says so and the client goes on", async () => {
  const lost = new Response("", { status: 412 });
  await using edge = await behindEdge(({ method }) => (method === "PUT" ? lost : undefined));
  assert.equal((await edge.client.uploadImage(await png(64))).width, 64);
});

test("what is refused keeps its code and way out, by either way", async () => {
  await using edge = await behindEdge();
  const noImage = new Uint8Array(MOST + 1).fill(65);
  await assert.rejects(edge.client.uploadImage(noImage), (error) => {
    assert.ok(error instanceof ServiceError);
    return error.code === "image.unknown_format" && error.fix !== "";
  });
  const tooLong = edge.client.api.v1.manifests.$post({ json: { upload: "x".repeat(2 * MOST) }, header: {}, query: {} });
  const { code, fix } = await serviceError((await tooLong) as unknown as Response);
  assert.deepEqual([code, /POST \/v1\/uploads/.test(fix)], ["answer.unknown", true]);
});
