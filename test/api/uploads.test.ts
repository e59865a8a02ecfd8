import assert from "node:assert/strict";
import { test } from "node:test";
import type { z } from "zod";
import { ImageView, ManifestView } from "../../functions/api/contract/service.ts";
import { LimitsView, UploadView } from "../../functions/api/contract/uploads.ts";
import { sha256Hex } from "../../shared/ids.ts";
import { picture } from "../intake/support.ts";
import { BACKENDS, openTestApi, problemIn, type TestApi } from "../support/api.ts";
import { conforming } from "../support/conforming.ts";
import { testConfig } from "../support/scored-run.ts";

const { data: _, ...CONFIG } = testConfig();
const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;

type Bytes = Uint8Array<ArrayBuffer>;
type Opened = z.infer<typeof UploadView>;
type Sent = { key?: string | null; kind?: "image" | "rows"; said?: Bytes };

async function opened(api: TestApi, bytes: Bytes, { key = api.admin, kind = "rows" }: Sent = {}): Promise<Opened> {
  const announced = { bytes: bytes.length, sha256: sha256Hex(bytes), kind };
  return conforming(UploadView, await api.post("/v1/uploads", announced, { key }), 201);
}

/** As any client of HTTP would: with what the answer says and nothing else. */
const put = (api: TestApi, { url, method, headers }: Opened, body: Bytes | ReadableStream) =>
  api.request(url, { method, headers, body, key: null, duplex: "half" } as RequestInit);

/** The id of an upload whose bytes are here. */
async function sent(api: TestApi, bytes: Bytes, how: Sent = {}): Promise<string> {
  const upload = await opened(api, bytes, how);
  assert.equal((await put(api, upload, bytes)).status, 200);
  return upload.id;
}

const png = async (seed = 1, size = 16) => new Uint8Array(await picture("png", seed, size));
const rowsOf = (rows: readonly object[]): Bytes =>
  new TextEncoder().encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));

for (const backend of BACKENDS) {
  test(`${backend}: an uploaded image passes the same door and is the same image as one sent straight`, async () => {
    await using api = await openTestApi(backend);
    const bytes = await png();
    const upload = await sent(api, bytes, { kind: "image" });
    const image = await conforming(ImageView, await api.post("/v1/images", { upload }), 201);
    assert.equal(image.id, (await api.client().uploadImage(bytes)).id);
    const noImage = await sent(api, new TextEncoder().encode("GIF89a"), { kind: "image" });
    assert.equal((await problemIn(api.post("/v1/images", { upload: noImage }))).code, "image.unknown_format");
  });

  test(`${backend}: uploaded rows become a manifest and a run, with their bad rows told`, async () => {
    await using api = await openTestApi(backend);
    const { id } = await api.client().uploadImage(await png());
    const upload = await sent(api, rowsOf([{ image: id }, { image: "/etc/passwd" }, { image: id, question: "And?" }]));
    const answer = await api.post("/v1/manifests?question=What%3F", { upload });
    const manifest = await conforming(ManifestView, answer, 201);
    assert.deepEqual([manifest.samples, manifest.bad_rows.count, manifest.bad_rows.first[0]?.line], [2, 1, 2]);
    const created = await api.post("/v1/runs", { config: CONFIG, question: "What?", upload });
    const run = (await created.json()) as { samples: { data: number }; bad_rows: { count: number } };
    assert.deepEqual([created.status, run.samples.data, run.bad_rows.count], [201, 2, 1]);
    const strict = await problemIn(api.post("/v1/runs", { config: CONFIG, question: "?", strict: true, upload }));
    assert.equal(strict.code, "manifest.bad_rows");
  });

  test(`${backend}: a URL takes the announced bytes and no others, once`, async () => {
    await using api = await openTestApi(backend);
    const bytes = rowsOf([{ image: "0".repeat(64), question: "?" }]);
    const upload = await opened(api, bytes);
    const streamOf = (body: Bytes) => new Response(body).body!;
    const others = [bytes.slice(1), new Uint8Array([...bytes, 10]), bytes.map((byte) => byte ^ 1)];
    for (const other of others)
      assert.equal((await problemIn(put(api, upload, streamOf(other)))).code, "upload.other_bytes");
    assert.equal((await problemIn(api.post("/v1/manifests", { upload: upload.id }))).code, "upload.not_sent");
    assert.equal((await put(api, upload, streamOf(bytes))).status, 200);
    const again = await problemIn(put(api, upload, bytes));
    assert.deepEqual([again.status, again.code], [412, "upload.taken"]);
  });
}

test("an upload is its key's own: others, wrong tokens and invented ids find nothing", async () => {
  await using api = await openTestApi();
  const bytes = await png();
  const upload = await opened(api, bytes, { kind: "image" });
  const forged = { ...upload, url: upload.url.replace(/token=.*/, `token=${"A".repeat(43)}`) };
  assert.equal((await problemIn(put(api, forged, bytes))).code, "upload.not_found");
  assert.equal((await put(api, upload, bytes)).status, 200);
  const stranger = await api.keyOf(["chat", "runs:write"]);
  const asked = { upload: upload.id };
  assert.equal((await problemIn(api.post("/v1/images", asked, { key: stranger }))).code, "upload.not_found");
  for (const id of ["upl_x", "../secret", `upl_${"0".repeat(32)}`]) {
    assert.equal((await problemIn(api.post("/v1/images", { upload: id }))).code, "upload.not_found");
    const nowhere = { ...upload, url: `/v1/uploads/${encodeURIComponent(id)}?token=x` };
    assert.equal((await problemIn(put(api, nowhere, bytes))).code, "upload.not_found");
  }
});

test("a URL lives an hour and the bytes a day", async () => {
  await using api = await openTestApi();
  const bytes = await png();
  const [late, used] = [await opened(api, bytes, { kind: "image" }), await sent(api, bytes, { kind: "image" })];
  assert.equal(late.expires_at, new Date(api.clock.now() + HOUR_MS).toISOString());
  await api.clock.advance(HOUR_MS);
  assert.equal((await problemIn(put(api, late, bytes))).code, "upload.expired");
  assert.equal((await api.post("/v1/images", { upload: used })).status, 201);
  await api.clock.advance(23 * HOUR_MS);
  assert.equal((await problemIn(api.post("/v1/images", { upload: used }))).code, "upload.expired");
});

test("kinds, scopes and sizes are refused by name", async () => {
  await using api = await openTestApi();
  const [chat, reader] = [await api.keyOf(["chat"]), await api.keyOf(["runs:read"])];
  const announce = (facts: object, key: string | null = api.admin) =>
    problemIn(api.post("/v1/uploads", { bytes: 1, sha256: "0".repeat(64), kind: "rows", ...facts }, { key }));
  assert.deepEqual([(await announce({}, reader)).code, (await announce({}, chat)).code], ["key.scope", "key.scope"]);
  assert.equal((await announce({}, null)).code, "key.missing");
  for (const wrong of [{ bytes: 0 }, { bytes: 1.5 }, { sha256: "0" }, { kind: "model" }])
    assert.equal((await announce(wrong)).code, "body.invalid");
  const large = await announce({ kind: "image", bytes: 20 * MIB + 1 });
  assert.deepEqual([large.status, large.code, large.field], [413, "upload.too_large", "bytes"]);
  assert.match(large.fix, /GET \/v1\/limits/);
  assert.equal((await announce({ bytes: 2 * 1024 ** 3 + 1 })).code, "upload.too_large");
  const image = await sent(api, await png(), { kind: "image", key: chat });
  assert.equal((await problemIn(api.post("/v1/images", { upload: image }))).code, "upload.not_found");
  const rows = await sent(api, rowsOf([{}]));
  assert.equal((await problemIn(api.post("/v1/images", { upload: rows }))).code, "upload.kind");
});

test("samples that are named by an upload and in another place are refused", async () => {
  await using api = await openTestApi();
  const upload = await sent(api, rowsOf([{ image: "0".repeat(64), question: "?" }]));
  const codeOf = async (more: object) =>
    (await problemIn(api.post("/v1/runs", { config: CONFIG, upload, ...more }))).code;
  assert.equal(await codeOf({ manifest: [{ image: "x" }] }), "manifest.twice");
  const { id: image } = await api.client().uploadImage(await png());
  const { id: manifest } = await api.client().uploadManifest([{ image, question: "?" }]);
  assert.equal(await codeOf({ config: { ...CONFIG, data: { manifest } } }), "manifest.twice");
  assert.equal(await codeOf({ manifest_id: manifest }), "manifest.twice");
  const lines = { headers: { "content-type": "application/x-ndjson" }, method: "POST" };
  const body = `${JSON.stringify({ config: CONFIG, upload })}\n{}\n`;
  assert.equal((await problemIn(api.request("/v1/runs", { ...lines, body }))).code, "manifest.twice");
});

test("bytes of an upload are streamed above every limit of a body, and hold no one's requests", async () => {
  await using api = await openTestApi();
  const bytes = new Uint8Array(2 * MIB).fill(32);
  bytes[bytes.length - 1] = 10;
  const key = await api.keyOf(["runs:write"], {
    ...{ requestsPerMinute: 2, concurrentRequests: 1, tokensPerDay: 0, usdPerDay: 0 },
  });
  const upload = await sent(api, bytes, { key });
  assert.equal((await problemIn(api.post("/v1/manifests", { upload }, { key }))).code, "manifest.empty");
});

test("the limits are told to everybody", async () => {
  await using api = await openTestApi();
  const limits = await conforming(LimitsView, await api.request("/v1/limits", { key: null }), 200);
  assert.deepEqual(limits, {
    straight_bytes: null,
    image_bytes: 20 * MIB,
    image_pixels: 50_000_000,
    rows_bytes: 2048 * MIB,
  });
});

test("with an Idempotency-Key the same upload is opened once", async () => {
  await using api = await openTestApi();
  const announced = { bytes: 3, sha256: sha256Hex("abc"), kind: "rows" };
  const open = () => api.post("/v1/uploads", announced, { headers: { "idempotency-key": "k" } });
  assert.deepEqual(await (await open()).json(), await (await open()).json());
});
