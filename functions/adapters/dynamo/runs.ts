import type { RunStore } from "../../../shared/ports/state-store.ts";
import { RunRow } from "../../../shared/schemas/rows.ts";
import { NEWEST_RUNS, newestKey, runKey } from "./dynamo-keys.ts";
import { ABSENT, type Item } from "./items.ts";
import { newestPage } from "./newest.ts";
import type { TableRows } from "./table-rows.ts";

export function dynamoRuns(rows: TableRows): RunStore {
  return {
    async create(run) {
      const { outcome } = await rows.put(itemOf(run), ABSENT);
      return { outcome: outcome === "written" ? "written" : "already_there" };
    },
    async get(runId) {
      const item = await rows.get(runKey(runId));
      return item && runFrom(item);
    },
    list: (page) =>
      newestPage(rows, {
        list: NEWEST_RUNS,
        page,
        rowFrom: runFrom,
        keyOf: ({ createdAt, runId }) => [createdAt, runId],
      }),
    async update(run) {
      const updated = { ...run, version: run.version + 1 };
      const when = { text: "#version = :version", values: { version: run.version } };
      const { outcome } = await rows.put(itemOf(updated), when);
      return outcome === "written" ? { outcome, run: structuredClone(updated) } : { outcome: "conflict" };
    },
  };
}

function itemOf(run: RunRow): Item {
  const { runId, createdAt, version } = run;
  return { ...runKey(runId), ...newestKey(NEWEST_RUNS, createdAt, runId), version, row: JSON.stringify(run) };
}

/** Runs are few and long-lived: each is checked against the schema, so an edited row is told at once. */
function runFrom(item: Item): RunRow {
  return RunRow.parse(JSON.parse(item["row"] as string));
}
