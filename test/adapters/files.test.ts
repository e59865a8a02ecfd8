import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { folderBlobStore } from "../../functions/adapters/files/blob-store.ts";
import { blobStoreContract } from "../contract/blob-store.ts";
import { allOf } from "../support/all-of.ts";
import { tempFolder } from "../support/temp-folder.ts";

blobStoreContract("folder", async () => {
  const folder = await tempFolder("blobs");
  return { blobs: await folderBlobStore(join(folder.path, "deep")), remove: () => folder[Symbol.asyncDispose]() };
});

test("keeps a blob as a plain file of its key's name, and its URL names that file", async () => {
  await using folder = await tempFolder("blobs");
  const blobs = await folderBlobStore(folder.path);
  await blobs.write("runs/a/report.json", "{}");
  assert.equal(await readFile(join(folder.path, "runs/a/report.json"), "utf8"), "{}");
  assert.equal(await readFile(new URL(await blobs.url("runs/a/report.json", 60)), "utf8"), "{}");
  const again = await folderBlobStore(folder.path);
  assert.deepEqual(await again.read("runs/a/report.json"), Uint8Array.from(Buffer.from("{}")));
});

test("writes content that is there already no second time", async () => {
  await using folder = await tempFolder("blobs");
  const blobs = await folderBlobStore(folder.path);
  const hash = await blobs.writeContent(Buffer.from("x"));
  const path = join(folder.path, "blobs", hash);
  await utimes(path, 1, 1);
  await blobs.writeContent(Buffer.from("x"));
  assert.equal((await stat(path)).mtimeMs, 1000);
});

test("leaves no half-written file behind when a stream breaks off", async () => {
  await using folder = await tempFolder("blobs");
  const blobs = await folderBlobStore(folder.path);
  async function* broken() {
    yield "x".repeat(1_000_000);
    throw new Error("cable cut");
  }
  await assert.rejects(blobs.write("a/b", broken()), /cable cut/);
  assert.deepEqual(await readdir(folder.path, { recursive: true }), ["~tmp"]);
});

test("clears away what killed processes left half-written, and nothing else", async () => {
  await using folder = await tempFolder("blobs");
  const temp = join(folder.path, "~tmp");
  await mkdir(temp, { recursive: true });
  const dead = spawn(process.execPath, ["-e", ""]);
  await once(dead, "exit");
  const host = hostname();
  const names = {
    ofDead: `${host}~${dead.pid}~~0`,
    ofEarlierProcessWithOurPid: `${host}~${process.pid}~1~0`,
    ofLiving: `${host}~${process.pid}~~0`,
    ofOtherMachine: `elsewhere~1~~0`,
    oldOfOtherMachine: `elsewhere~1~~1`,
    oldOfLiving: `${host}~${process.pid}~~1`,
    ofNobody: "%zz",
  };
  for (const name of Object.values(names)) await writeFile(join(temp, name), "half");
  for (const name of [names.oldOfLiving, names.oldOfOtherMachine]) await utimes(join(temp, name), 1, 1);
  const blobs = await folderBlobStore(folder.path);
  const kept = [
    names.ofLiving,
    names.ofOtherMachine,
    names.ofNobody,
    ...(process.platform === "linux" ? [] : [names.ofEarlierProcessWithOurPid]),
  ];
  assert.deepEqual((await readdir(temp)).sort(), kept.sort());
  assert.deepEqual(await allOf(blobs.list("")), []);
});

test("leaves files alone that cannot be blobs, and follows no link out of its folder when it lists", async () => {
  await using folder = await tempFolder("blobs");
  await using outside = await tempFolder("outside");
  await writeFile(join(outside.path, "secret"), "x");
  const blobs = await folderBlobStore(folder.path);
  await writeFile(join(folder.path, "with space.txt"), "x");
  await symlink(outside.path, join(folder.path, "link"));
  await blobs.write("a", "x");
  assert.deepEqual(await allOf(blobs.list("")), ["a"]);
});
