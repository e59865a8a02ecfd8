import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { bundleConsole } from "../../functions/console/bundle.ts";
import { readConsole, writeConsole } from "../../functions/console/files.ts";

test("the console that was built into a folder is the one that is built in memory", async () => {
  const folder = await mkdtemp(join(tmpdir(), "console-"));
  try {
    const built = await bundleConsole();
    await writeConsole(built, folder);
    const read = await readConsole(folder);
    assert.equal(read.index, built.index);
    assert.deepEqual(new Map([...read.files].sort()), new Map([...built.files].sort()));
    await writeFile(join(folder, "assets", "left-over.map"), "{}");
    await assert.rejects(readConsole(folder), /left-over\.map: not a file of the console; build it again/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
