/** Uploads on one machine as a stranger's HTTP client does them: over a socket, by the answer's words alone. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ManifestView } from "../../functions/api/contract/service.ts";
import { UploadView } from "../../functions/api/contract/uploads.ts";
import { listen } from "../../functions/api/listen.ts";
import { openService } from "../../functions/runtime/service.ts";
import { picture } from "../intake/support.ts";
import { conforming } from "../support/conforming.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MIB = 1024 * 1024;

async function served(dataDir: string) {
  const service = await openService({
    ...{ dataDir, env: {}, ownerWithoutKey: true, anonymousChat: false, trustProxy: false, configs: [], web: {} },
    onFault: (error, where) => console.error(where, error),
  });
  const server = await listen(service.app, { port: 0, host: "127.0.0.1" });
  return {
    url: server.url,
    start: () => service.start(),
    async [Symbol.asyncDispose]() {
      await server.close();
      await service.close();
    },
  };
}

function post(address: string, body: object): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
}

test("rows are sent to the URL, named by the id, and swept after a day", async () => {
  await using folder = await tempFolder("uploads");
  await using service = await served(folder.path);
  const image = await fetch(`${service.url}/v1/images`, {
    ...{ method: "POST", headers: { "content-type": "image/png" } },
    body: new Uint8Array(await picture("png", 1, 16)),
  });
  const { id } = (await image.json()) as { id: string };
  const note = "x".repeat(10_000);
  const lines = Array.from({ length: 400 }, (_, at) => `${JSON.stringify({ image: id, question: `${at}?`, note })}\n`);
  const rows = Buffer.from(lines.join(""));
  assert.ok(rows.length > 3 * MIB);
  const sha256 = createHash("sha256").update(rows).digest("hex");
  const opened = await post(`${service.url}/v1/uploads`, { bytes: rows.length, sha256, kind: "rows" });
  const { url, method, headers, id: upload } = await conforming(UploadView, opened, 201);
  const sent = await fetch(new URL(url, service.url), { method, headers, body: rows });
  assert.equal(sent.status, 200);
  const manifest = await conforming(ManifestView, await post(`${service.url}/v1/manifests`, { upload }), 201);
  assert.deepEqual([manifest.samples, manifest.bad_rows.count], [400, 0]);

  const uploads = join(folder.path, "uploads");
  assert.deepEqual((await readdir(uploads)).sort(), [upload, `${upload}.json`]);
  const yesterday = Date.now() / 1000 - 25 * 3600;
  await utimes(join(uploads, upload), yesterday, yesterday);
  await service.start(); // sweeps at once
  while ((await readdir(uploads)).includes(upload)) await new Promise(setImmediate);
  assert.deepEqual(await readdir(uploads), [`${upload}.json`]);
});
