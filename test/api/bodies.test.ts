import assert from "node:assert/strict";
import { test } from "node:test";
import { linesOf } from "../../functions/api/ndjson.ts";
import { picture } from "../intake/support.ts";
import { openTestApi, problemIn, type TestApi } from "../support/api.ts";
import { testConfig } from "../support/scored-run.ts";

const { data: _, ...CONFIG } = testConfig();
const ROW = { image: "00".repeat(32), question: "?" };

async function refusalOf(api: TestApi, body: unknown) {
  const { code, status, field, errors } = await problemIn(api.post("/v1/runs", body));
  return { code, status, field, fields: errors?.map((one) => one.field) };
}

test("unknown fields are refused with their path, in the body, the demo, the webhook and the config", async () => {
  await using api = await openTestApi();
  const bodies: [unknown, string, string][] = [
    [{ config: CONFIG, manifst: [ROW] }, "body.unknown_field", "manifst"],
    [{ demo: { seeds: 1 } }, "body.unknown_field", "demo.seeds"],
    [{ config: CONFIG, webhook: { url: "https://a.org", secret: "x" } }, "body.unknown_field", "webhook.secret"],
    [{ config: { ...CONFIG, colour: "red" }, manifest: [ROW] }, "config.invalid", "config.colour"],
    [{ config: { ...CONFIG, pair: { gap: 2 } }, manifest: [ROW] }, "config.invalid", "config.pair.gap"],
  ];
  for (const [body, code, field] of bodies) {
    assert.deepEqual(await refusalOf(api, body), { code, status: 400, field, fields: [field] });
  }
});

test("every problem of a body is told at once, with field, value and the way out", async () => {
  await using api = await openTestApi();
  const evaluate = { bench: "scenes", data: { manifest: "man_0000000000000001" }, selection: { path: "b.jsonl" } };
  const config = { ...CONFIG, rounds: 0, labelers: [], data: { path: "/etc/passwd" }, evaluate };
  const problem = await problemIn(api.post("/v1/runs", { config, manifest: [ROW] }));
  assert.equal(problem.code, "config.invalid");
  assert.deepEqual(problem.errors?.map(({ field }) => field).sort(), [
    "config.data.path",
    "config.evaluate.data.manifest",
    "config.evaluate.selection.path",
    "config.labelers",
    "config.rounds",
  ]);
  assert.match(problem.fix, /\/reference/);
});

test("paths, unknown manifests and samples from nowhere or from two places are refused by name", async () => {
  await using api = await openTestApi();
  const code = async (body: unknown) => (await refusalOf(api, body)).code;
  assert.equal(await code({ config: { ...CONFIG, data: { path: "a.jsonl" } } }), "config.data.path");
  assert.equal(await code({ config: CONFIG }), "manifest.missing");
  assert.equal(await code({ config: CONFIG, manifest_id: "man_0123456789abcdef" }), "manifest.not_found");
  assert.equal(await code({ config: CONFIG, manifest_id: "../../etc/passwd" }), "config.invalid");
  assert.equal(
    await code({ config: { ...CONFIG, data: { manifest: "man_0123456789abcdef" } }, manifest: [ROW] }),
    "config.invalid",
  );
  const { id } = await api.client().uploadManifest([{ image: await dataUrl(), question: "?" }]);
  assert.equal(await code({ config: { ...CONFIG, data: { manifest: id } }, manifest: [ROW] }), "manifest.twice");
  assert.equal(await code({ config: { ...CONFIG, data: { manifest: id } }, manifest_id: id }), "manifest.twice");
  assert.equal(await code({ config: CONFIG, manifest: [ROW] }), "manifest.empty");
  assert.equal(
    await code({ config: { ...CONFIG, policy: { engine: "embedded", preset: "gpt" } }, manifest: [ROW] }),
    "config.preset",
  );
});

async function dataUrl(): Promise<string> {
  return `data:image/png;base64,${(await picture("png", 1, 8)).toString("base64")}`;
}

test("bodies that are no JSON, of another type, or missing are refused", async () => {
  await using api = await openTestApi();
  const send = async (body: string | undefined, type: string | undefined) => {
    const headers = type === undefined ? {} : { "content-type": type };
    const init = { method: "POST", headers, ...(body === undefined ? {} : { body: new TextEncoder().encode(body) }) };
    const { code, status } = await problemIn(api.request("/v1/runs", init));
    return [code, status];
  };
  assert.deepEqual(await send("{", "application/json"), ["body.invalid_json", 400]);
  assert.deepEqual(await send("{\n", "application/x-ndjson"), ["body.invalid_json", 400]);
  assert.deepEqual(await send("[]", "application/json"), ["body.invalid", 400]);
  assert.deepEqual(await send("", "application/x-ndjson"), ["body.missing", 400]);
  assert.deepEqual(await send(undefined, "application/x-ndjson"), ["body.missing", 400]);
  assert.deepEqual(await send(undefined, undefined), ["body.missing", 400]);
  assert.deepEqual(await send("a=b", "application/x-www-form-urlencoded"), ["body.media_type", 415]);
});

test("a body that is too long is 413, whether its length is told or not", async () => {
  await using api = await openTestApi();
  const long = `{"url":"${"a".repeat(1024 * 1024)}"}`;
  const told = { "content-type": "application/json", "content-length": `${long.length}` };
  const first = await problemIn(api.request("/v1/webhooks", { method: "POST", headers: told, body: long }));
  assert.deepEqual([first.status, first.code, first.field], [413, "body.too_large", "header.Content-Length"]);
  const body = new Blob([long]).stream();
  const streamed = { method: "POST", headers: { "content-type": "application/json" }, body, duplex: "half" };
  const second = await problemIn(api.request("/v1/webhooks", streamed as RequestInit));
  assert.deepEqual([second.status, second.code, second.field], [413, "body.too_large", "body"]);
});

test("an NDJSON body above 100 MB is refused while it is read, and never held", async () => {
  await using api = await openTestApi();
  let sent = 0;
  const line = new TextEncoder().encode(`${" ".repeat(999_999)}\n`);
  const body = new ReadableStream({
    pull(controller) {
      controller.enqueue(sent++ === 0 ? new TextEncoder().encode(`${JSON.stringify({ config: CONFIG })}\n`) : line);
    },
  });
  const init = { method: "POST", headers: { "content-type": "application/x-ndjson" }, body, duplex: "half" };
  const problem = await problemIn(api.request("/v1/runs", init as RequestInit));
  assert.deepEqual([problem.status, problem.code], [413, "body.too_large"]);
  assert.ok(sent < 110, `${sent} MB were read`);
});

async function collected(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

test("lines come whole, however the bytes are cut", async () => {
  const text = '{"a":"ä\u{1fa81}"}\n\n{"b":1}\r\nlast';
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size <= 9; size++) {
    async function* cut() {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    }
    assert.deepEqual(await collected(linesOf(cut())), text.split("\n"));
  }
});

test("a line longer than an image can be is refused by its number", async () => {
  async function* endless() {
    yield new TextEncoder().encode("{}\n");
    for (;;) yield new Uint8Array(1024 * 1024).fill(97);
  }
  await assert.rejects(collected(linesOf(endless())), /^ProblemError: Line 2 of the body is longer/);
});
