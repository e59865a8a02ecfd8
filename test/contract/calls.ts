/** What every CallStore promises. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CallStore } from "../../shared/ports/calls.ts";
import { CallRow } from "../../shared/schemas/calls.ts";

type Opened = { calls: CallStore; close: () => Promise<void> };

export function callStoreContract(name: string, open: () => Promise<Opened>): void {
  const within = (work: (calls: CallStore) => Promise<void>) => async () => {
    const { calls, close } = await open();
    try {
      await work(calls);
    } finally {
      await close();
    }
  };
  describe(`the ${name} call store keeps its promises`, () => {
    test(
      "gives a call back as it was written, and writes it once",
      within(async (calls) => {
        const row = callRow({ providerId: "fc-1", error: { code: "x", message: "läuft ✓ 🙂", retryable: true } });
        const outcomes = await Promise.all([row, callRow({ token: "other" })].map((one) => calls.create(one)));
        assert.deepEqual(outcomes.map(({ outcome }) => outcome).sort(), ["already_there", "written"]);
        const stored = CallRow.parse(await calls.get(row.call));
        assert.deepEqual(stored, outcomes[0]?.outcome === "written" ? row : callRow({ token: "other" }));
        assert.equal(await calls.get("nobody"), undefined);
      }),
    );

    test(
      "updates a call only from the version that is stored, and one of many wins",
      within(async (calls) => {
        await calls.create(callRow({}));
        const written = await calls.update(callRow({ state: "spawned", providerId: "fc-1" }));
        const spawned = callRow({ state: "spawned", providerId: "fc-1", version: 1 });
        assert.deepEqual(written, { outcome: "written", row: spawned });
        assert.deepEqual(await calls.update(callRow({ state: "failed" })), { outcome: "conflict" });
        const racers = Array.from({ length: 16 }, (_, at) => calls.update({ ...spawned, seenAt: at }));
        const outcomes = (await Promise.all(racers)).map(({ outcome }) => outcome);
        assert.equal(outcomes.filter((outcome) => outcome === "written").length, 1);
        assert.deepEqual(await calls.update(callRow({ call: "nobody" })), { outcome: "conflict" });
        assert.equal(await calls.get("nobody"), undefined);
      }),
    );

    test(
      "lists open calls by name, of one run or of all, page by page, and none that has ended",
      within(async (calls) => {
        for (const runId of ["a", "b"]) {
          for (const at of [3, 1, 2]) await calls.create(callRow({ call: `${runId}/w#${at}`, runId }));
        }
        await calls.update(callRow({ call: "a/w#2", runId: "a", state: "done" }));
        assert.deepEqual(await names(calls, { runId: "a" }), ["a/w#1", "a/w#3"]);
        assert.deepEqual(await names(calls, {}), ["a/w#1", "a/w#3", "b/w#1", "b/w#2", "b/w#3"]);
        assert.deepEqual(await names(calls, { runId: "nobody" }), []);
        await assert.rejects(calls.open({ limit: 0 }), /limit 0/);
      }),
    );
  });
}

async function names(calls: CallStore, filter: { runId?: string }): Promise<string[]> {
  const found: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await calls.open({ ...filter, limit: 2, ...(cursor === undefined ? {} : { cursor }) });
    found.push(...page.items.map(({ call }) => call));
    if (page.cursor === undefined) return found;
    cursor = page.cursor;
  }
}

function callRow(change: Partial<CallRow>): CallRow {
  return {
    call: "run-a/1.train/generate/s0/0123456789abcdef#0",
    runId: "run-a",
    work: { kind: "batch", passId: "1.train", stage: "generate", shardId: "s0", round: 1, attempt: 0 },
    state: "reserved",
    version: 0,
    token: "token",
    jobKey: "batches/0123456789abcdef/job.json",
    resultKey: "batches/0123456789abcdef/output.jsonl",
    microsPerSecond: 1097,
    deadlineSeconds: 3600,
    createdAt: 1000,
    seenAt: 1000,
    gpuSeconds: 0,
    ...change,
  };
}
