import assert from "node:assert/strict";
import { test } from "node:test";
import { ImageView, ManifestView } from "../../functions/api/contract/service.ts";
import { picture } from "../intake/support.ts";
import { BACKENDS, openTestApi, problemIn, type TestApi } from "../support/api.ts";
import { conforming } from "../support/conforming.ts";

const upload = (api: TestApi, body: Uint8Array<ArrayBuffer>, type = "image/png") =>
  api.request("/v1/images", { method: "POST", headers: { "content-type": type }, body });

const bytesOf = async (format: "png" | "jpeg" | "webp", seed = 1) => new Uint8Array(await picture(format, seed, 16));

for (const backend of BACKENDS) {
  test(`${backend}: an uploaded image comes back under its content id, whole and small`, async () => {
    await using api = await openTestApi(backend);
    for (const format of ["png", "jpeg", "webp"] as const) {
      const image = await conforming(ImageView, await upload(api, await bytesOf(format), "image/x-anything"), 201);
      assert.deepEqual([image.format, image.width, image.url], [format, 16, `/v1/images/${image.id}`]);
      const full = await api.request(image.url);
      assert.equal(full.headers.get("content-type"), `image/${format}`);
      assert.equal(full.headers.get("cache-control"), "private, max-age=31536000, immutable");
      assert.equal((await full.bytes()).length, image.bytes);
      const small = await api.request(`${image.url}?size=thumbnail`);
      assert.equal(small.headers.get("content-type"), "image/webp");
    }
  });
}

test("an image can be sent as a data URL, and the same bytes have the same id", async () => {
  await using api = await openTestApi();
  const bytes = await bytesOf("png");
  const url = `data:image/png;base64,${Buffer.from(bytes).toString("base64")}`;
  const first = await conforming(ImageView, await api.post("/v1/images", { url }), 201);
  assert.equal((await api.client().uploadImage(bytes)).id, first.id);
});

test("what is no image, no known URL, or nothing at all is refused with the way out", async () => {
  await using api = await openTestApi();
  const codeOf = async (response: Response | Promise<Response>) => (await problemIn(response)).code;
  assert.equal(await codeOf(upload(api, new TextEncoder().encode("GIF89a"))), "image.unknown_format");
  assert.equal(await codeOf(upload(api, (await bytesOf("png")).slice(0, 90))), "image.broken");
  assert.equal(await codeOf(upload(api, new Uint8Array())), "body.missing");
  assert.equal(await codeOf(api.post("/v1/images", { url: "https://example.org/a.png" })), "image.is_a_url");
  assert.equal(await codeOf(api.post("/v1/images", { url: "0".repeat(64) })), "image.not_found");
  assert.equal(await codeOf(api.post("/v1/images", { uri: "x" })), "body.invalid");
  assert.equal(await codeOf(upload(api, await bytesOf("png"), "text/plain")), "body.media_type");
});

test("unknown and malformed image ids are refused, and what is no image is not served", async () => {
  await using api = await openTestApi();
  const text = await api.deps.blobs.writeContent(new TextEncoder().encode("a secret that is no image"));
  assert.equal((await problemIn(api.request(`/v1/images/${text}`))).code, "image.not_found");
  assert.equal((await problemIn(api.request(`/v1/images/${"0".repeat(64)}?size=thumbnail`))).code, "image.not_found");
  for (const id of ["x", "..%2f..%2fetc%2fpasswd", "0".repeat(63), "G".repeat(64)]) {
    assert.equal((await problemIn(api.request(`/v1/images/${id}`))).code, "path.invalid");
  }
});

test("a manifest is checked row by row, with a question for rows that have none", async () => {
  await using api = await openTestApi();
  const { id } = await api.client().uploadImage(await bytesOf("png"));
  const rows = [{ image: id }, { image: id, question: "And?" }, { image: "/etc/passwd" }];
  const body = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  const init = { method: "POST", headers: { "content-type": "application/x-ndjson" }, body };
  const manifest = await conforming(ManifestView, await api.request("/v1/manifests?question=What%3F", init), 201);
  assert.deepEqual([manifest.samples, manifest.bad_rows.count, manifest.bad_rows.first[0]?.line], [2, 1, 3]);
  const useless = await problemIn(api.request("/v1/manifests", { ...init, body: '{"image":1}\n' }));
  assert.deepEqual([useless.status, useless.code], [400, "manifest.empty"]);
  assert.equal((await problemIn(api.request("/v1/manifests", { ...init, body: null }))).code, "body.missing");
});
