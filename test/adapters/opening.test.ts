import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { tempFolder } from "../support/temp-folder.ts";

const OPENER = new URL("../support/store-opener.ts", import.meta.url);

test("a new folder may be opened by many at the same moment", async () => {
  for (let time = 0; time < 2; time++) {
    await using folder = await tempFolder("opening");
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const workerData = { path: join(folder.path, "state.sqlite"), gate };
    const openers = Array.from({ length: 4 }, () => new Worker(OPENER, { workerData }));
    await Promise.all(openers.map((opener) => once(opener, "message")));
    const ends = Promise.all(openers.map((opener) => once(opener, "exit")));
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    assert.deepEqual((await ends).flat(), [0, 0, 0, 0]);
  }
});
