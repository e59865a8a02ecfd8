import assert from "node:assert/strict";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import type { BadRow } from "../../functions/intake/bad-row.ts";
import type { ManifestRow } from "../../functions/intake/check-rows.ts";
import { type HttpRowsOptions, readHttpBody, readHttpRows } from "../../functions/intake/http-rows.ts";
import { contentKey } from "../../shared/ports/blob-store.ts";
import { Submitted } from "../../shared/schemas/sample.ts";
import { httpsServer, localRules } from "./hostile/servers.ts";
import { lines, picture, readAll, temporaryFolder, writeFiles } from "./support.ts";

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

async function collected(rows: AsyncIterable<ManifestRow>): Promise<{ samples: Submitted[]; bad: BadRow[] }> {
  const read = { samples: [] as Submitted[], bad: [] as BadRow[] };
  for await (const row of rows) {
    if (row.outcome === "sample") read.samples.push(row.sample);
    else read.bad.push(row);
  }
  return read;
}

async function uploaded(options: Partial<HttpRowsOptions> = {}) {
  const blobs = memoryBlobStore();
  const png = await picture("png");
  const id = await blobs.writeContent(png);
  return { png, id, options: { blobs, web: false as const, ...options } };
}

describe("rows sent to a service", () => {
  it("name an uploaded image by its id, or bring it as data URL or base64, and give the same sample", async () => {
    const { png, id, options } = await uploaded();
    const base64 = png.toString("base64");
    const rows = [id, `data:image/png;base64,${base64}`, base64].map((image, at) => ({ image, question: "?", id: at }));
    const { samples, bad } = await collected(readHttpRows(each(rows), options));
    assert.deepEqual(bad, []);
    for (const sample of samples) {
      assert.deepEqual(Submitted.parse(sample), sample);
      assert.deepEqual(sample.image, { sha256: id, path: `${id}.png`, width: 64, height: 64 });
    }
  });

  it("are the samples that the same rows of this machine would be", async (t) => {
    const { png, id, options } = await uploaded();
    const folder = await temporaryFolder(t);
    const rest = { question: "What?", reference: "a kite", id: "x", source: { set: 1 } };
    const path = await writeFiles(folder, { "m.jsonl": lines([{ image: "a.png", ...rest }]), "a.png": png });
    const [local] = (await readAll({ path })).samples;
    const [sent] = (await collected(readHttpRows(each([{ image: id, ...rest }]), options))).samples;
    assert.deepEqual({ ...sent, image: { ...sent!.image, path: "a.png" } }, local);
  });

  it("bring images by https URL, each fetched once, without what follows the question mark in their name", async (t) => {
    const png = await picture("png");
    const server = await httpsServer(t, (_, reply) => reply.end(png));
    const { id, options } = await uploaded({ web: localRules(server) });
    const url = server.url("/kite.png?token=secret");
    const rows = Array.from({ length: 20 }, (_, at) => ({ image: url, question: `${at}?` }));
    const { samples, bad } = await collected(readHttpRows(each(rows), options));
    assert.deepEqual([samples.length, bad.length, server.hosts.length], [20, 0, 1]);
    assert.deepEqual(samples[0]!.image, { sha256: id, path: server.url("/kite.png"), width: 64, height: 64 });
  });

  it("never name a file, whatever it is called", async () => {
    const { options } = await uploaded();
    const files = ["a.png", "/etc/passwd", "../../a.png", "~/a.png", "C:\\a.png", "\\\\host\\share\\a.png", ".", "\0"];
    const rows: object[] = files.map((image) => ({ image, question: "?" }));
    rows.push({ image_path: "a.png", question: "?" }, { image: { path: "a.png" }, question: "?" });
    rows.push({ metainfos: { image_path: "/etc/passwd" }, question: "?" });
    const { samples, bad } = await collected(readHttpRows(each(rows), options));
    assert.deepEqual(samples, []);
    assert.deepEqual(
      bad.map(({ code }) => code),
      rows.map(() => "image_is_a_file"),
    );
  });

  it("go on after every kind of bad row", async (t) => {
    const server = await httpsServer(t, (_, reply) => reply.writeHead(404).end());
    const { png, id, options } = await uploaded({ web: localRules(server) });
    const text = await options.blobs.writeContent(Buffer.from("no image"));
    const rows: [unknown, string][] = [
      [{ image: id, question: "first" }, ""],
      ["{ not json", "not_json"],
      ["", "blank"],
      [3, "not_an_object"],
      [null, "not_an_object"],
      [[{ image: id, question: "?" }], "not_an_object"],
      [{ image: "ab".repeat(32), question: "?" }, "image_not_found"],
      [{ image: text, question: "?" }, "unknown_image_format"],
      [{ image: "data:text/html,<html>", question: "?" }, "unknown_encoding"],
      [{ image: `data:image/png;base64,${png.subarray(0, 600).toString("base64")}`, question: "?" }, "broken_image"],
      [{ image: "file:///etc/passwd", question: "?" }, "image_url.not_https"],
      [{ image: "https://10.0.0.1/a.png", question: "?" }, "image_url.private_address"],
      [{ image: server.url("/"), question: "?" }, "image_url.bad_status"],
      [{ image: id }, "missing_question"],
      [{ image: id, question: "first" }, "duplicate_question"],
      [JSON.stringify({ image: id, question: "last" }), ""],
    ];
    const { samples, bad } = await collected(readHttpRows(each(rows.map(([row]) => row)), options));
    const expected = rows.flatMap(([, code], at) => (code === "" || code === "blank" ? [] : [[at + 1, code]]));
    assert.deepEqual(
      bad.map(({ line, code }) => [line, code]),
      expected,
    );
    assert.deepEqual(
      samples.map(({ question }) => question),
      ["first", "last"],
    );
  });

  it("come as a body in pieces of any size, with the question of the request where they have none", async () => {
    const { id, options } = await uploaded({ question: "What is it?" });
    const body = Buffer.from(`{"image":"${id}"}\n\n{"image":"${id}","question":"zwölf 🪁"}\n\xff`, "utf8");
    for (const size of [1, 7, 1000]) {
      const pieces = Array.from({ length: Math.ceil(body.length / size) }, (_, at) =>
        body.subarray(at * size, (at + 1) * size),
      );
      const { samples, bad } = await collected(readHttpBody(each(pieces), options));
      assert.deepEqual(
        samples.map(({ question }) => question),
        ["What is it?", "zwölf 🪁"],
      );
      assert.deepEqual(
        bad.map(({ line, code }) => [line, code]),
        [[4, "not_json"]],
      );
    }
  });

  it("read an image's header once for ten thousand questions about it", async () => {
    const { id, options } = await uploaded();
    let reads = 0;
    const blobs = {
      ...options.blobs,
      read: (key: string) => {
        reads += 1;
        assert.equal(key, contentKey(id));
        return options.blobs.read(key);
      },
    };
    const rows = Array.from({ length: 10_000 }, (_, at) => `{"image":"${id}","question":"Is there a kite ${at}?"}`);
    const { samples } = await collected(readHttpRows(each(rows), { ...options, blobs }));
    assert.deepEqual([samples.length, reads], [10_000, 1]);
  });

  it("end with the reason of the one who aborts", async () => {
    const { id, options } = await uploaded();
    const signal = AbortSignal.abort(new Error("the client went away"));
    const rows = each([{ image: id, question: "?" }]);
    await assert.rejects(collected(readHttpRows(rows, { ...options, signal })), /the client went away/);
  });
});

describe("a manifest of a stranger on this machine", () => {
  it("reaches no file outside its folder, by no path and no link", async (t) => {
    const outside = await temporaryFolder(t);
    const folder = await temporaryFolder(t);
    const png = await picture("png");
    await writeFiles(outside, { "secret.png": png });
    await writeFiles(folder, { "good.png": png, "sub/good.png": png });
    await symlink(join(outside, "secret.png"), join(folder, "link.png"));
    await symlink(outside, join(folder, "linked"));
    await symlink(join(folder, "good.png"), join(folder, "inner.png"));
    const name = outside.split("/").at(-1);
    const refused = [
      join(outside, "secret.png"),
      `../${name}/secret.png`,
      `sub/../../${name}/secret.png`,
      `sub/../../../${folder.split("/").slice(1).join("/")}/../${name}/secret.png`,
      "link.png",
      "linked/secret.png",
      "inner.png",
      join(folder, "good.png"),
    ];
    const rows = [...refused, "good.png", "./sub/good.png", "sub/../good.png"].map((image, at) => ({
      image,
      question: `${at}?`,
    }));
    const path = await writeFiles(folder, { "m.jsonl": lines(rows) });
    const { samples, bad } = await readAll({ path }, { confined: true });
    assert.deepEqual(
      bad.map(({ code, line }) => [line, code]),
      refused.map((_, at) => [at + 1, "image_outside_folder"]),
    );
    assert.equal(samples.length, 3);
  });
});
