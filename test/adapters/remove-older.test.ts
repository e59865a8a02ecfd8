import assert from "node:assert/strict";
import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { removeOlder } from "../../functions/adapters/files/remove-older.ts";
import { tempFolder } from "../support/temp-folder.ts";

const NOW = Date.UTC(2026, 10, 23);

test("files that were last written before a time go, all others and folders stay", async () => {
  await using folder = await tempFolder("older");
  for (const [name, age] of [
    ["old", 2],
    ["new", 0],
    ["edge", 1],
  ] as const) {
    await writeFile(join(folder.path, name), "x");
    await utimes(join(folder.path, name), NOW / 1000 - age, NOW / 1000 - age);
  }
  await mkdir(join(folder.path, "folder"));
  await utimes(join(folder.path, "folder"), 0, 0);
  assert.deepEqual(await removeOlder(folder.path, NOW - 1000), { removed: 1 });
  assert.deepEqual((await readdir(folder.path)).sort(), ["edge", "folder", "new"]);
  assert.deepEqual(await removeOlder(join(folder.path, "none"), NOW), { removed: 0 });
});
