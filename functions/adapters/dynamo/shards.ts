import type { ShardStore } from "../../../shared/ports/state-store.ts";
import type { ShardRow } from "../../../shared/schemas/rows.ts";
import { shardKey, shardsPartition } from "./dynamo-keys.ts";
import { ABSENT, type Item } from "./items.ts";
import type { TableRows } from "./table-rows.ts";

/** Each shard is written alone: one unit, where a transaction would take two. */
export function dynamoShards(rows: TableRows): ShardStore {
  return {
    async createMany(shards) {
      const distinct = [...new Map(shards.toReversed().map((row) => [shardKey(row).sk + row.runId, row])).values()];
      const written = await Promise.all(distinct.map((row) => rows.put(itemOf(row), ABSENT)));
      return { written: written.filter(({ outcome }) => outcome === "written").length };
    },
    async put(row) {
      const when = {
        text: "attribute_not_exists(#pk) OR (#state <> :done AND #attempt <= :attempt)",
        values: { done: "done", attempt: row.attempt },
      };
      const { outcome, item } = await rows.put(itemOf(row), when);
      if (outcome === "written") return { outcome };
      return { outcome: item?.["state"] === "done" ? "already_done" : "stale" };
    },
    async reopen(shards) {
      const set = { text: "SET #state = :planned", values: { planned: "planned" } };
      const when = { text: "#state = :done", values: { done: "done" } };
      const written = await Promise.all(shards.map((shard) => rows.update(shardKey(shard), set, when)));
      return { reopened: written.filter(({ outcome }) => outcome === "written").length };
    },
    async get(shard) {
      const item = await rows.get(shardKey(shard));
      return item && shardFrom(item);
    },
    async list({ runId, passId, stage }) {
      const prefix = passId === undefined ? "" : `${passId}#${stage === undefined ? "" : `${stage}#`}`;
      const items = await rows.queryAll({ pk: shardsPartition(runId), prefix });
      return items.map(shardFrom).filter((row) => stage === undefined || row.stage === stage);
    },
  };
}

function itemOf(row: ShardRow): Item {
  return { ...shardKey(row), state: row.state, attempt: row.attempt, row: JSON.stringify(row) };
}

/** The state beside the row is the one that counts: `reopen` changes it alone. */
function shardFrom(item: Item): ShardRow {
  return { ...JSON.parse(item["row"] as string), state: item["state"] };
}
