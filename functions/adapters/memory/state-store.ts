import type { ReplyCache, ShardStore, StateStore } from "../../../shared/ports/state-store.ts";
import type { ShardRow } from "../../../shared/schemas/rows.ts";
import { compareUtf8 } from "../paging.ts";
import { memoryLedger } from "./ledger.ts";
import { memoryRuns } from "./runs.ts";
import { memorySamples } from "./samples.ts";

/** A StateStore that forgets everything with the process: for tests and simulations. Rows go in and out as copies. */
export function memoryStateStore(): StateStore {
  return {
    runs: memoryRuns(),
    samples: memorySamples(),
    shards: memoryShards(),
    ledger: memoryLedger(),
    replies: memoryReplies(),
    async close() {},
  };
}

type ShardKey = Pick<ShardRow, "runId" | "passId" | "stage" | "shardId">;

function memoryShards(): ShardStore {
  const shards = new Map<string, ShardRow>();
  const keyOf = ({ runId, passId, stage, shardId }: ShardKey) => JSON.stringify([runId, passId, stage, shardId]);

  return {
    async createMany(rows) {
      const before = shards.size;
      for (const row of rows) if (!shards.has(keyOf(row))) shards.set(keyOf(row), structuredClone(row));
      return { written: shards.size - before };
    },
    async put(row) {
      const stored = shards.get(keyOf(row));
      if (stored?.state === "done") return { outcome: "already_done" };
      if (stored && stored.attempt > row.attempt) return { outcome: "stale" };
      shards.set(keyOf(row), structuredClone(row));
      return { outcome: "written" };
    },
    async reopen(asked) {
      const done = asked.map((shard) => shards.get(keyOf(shard))).filter((row) => row?.state === "done");
      for (const row of done) if (row !== undefined) row.state = "planned";
      return { reopened: done.length };
    },
    async get(shard) {
      return structuredClone(shards.get(keyOf(shard)));
    },
    async list({ runId, passId = undefined, stage = undefined }) {
      const found = [...shards.values()].filter(
        (row) =>
          row.runId === runId &&
          (passId === undefined || row.passId === passId) &&
          (stage === undefined || row.stage === stage),
      );
      return structuredClone(found.sort(byPassStageAndShard));
    },
  };
}

function byPassStageAndShard(a: ShardRow, b: ShardRow): number {
  return compareUtf8(a.passId, b.passId) || compareUtf8(a.stage, b.stage) || compareUtf8(a.shardId, b.shardId);
}

function memoryReplies(): ReplyCache {
  const replies = new Map<string, string>();
  return {
    async getMany(keys) {
      const found = new Map<string, string>();
      for (const key of keys) {
        const reply = replies.get(key);
        if (reply !== undefined) found.set(key, reply);
      }
      return found;
    },
    async putMany(entries) {
      for (const { key, reply } of entries) if (!replies.has(key)) replies.set(key, reply);
    },
  };
}
