import { z } from "zod";
import type { CallStore } from "../../../shared/ports/calls.ts";
import { CallRow, isOpen } from "../../../shared/schemas/calls.ts";
import { checkLimit, decodeCursor, pageOf } from "../paging.ts";
import { callKey, openCallKey, openCallPartitions } from "./dynamo-keys.ts";
import { ABSENT, type Item } from "./items.ts";
import { mergedPage } from "./merged.ts";
import type { TableRows } from "./table-rows.ts";

const ByName = z.tuple([z.string()]);

export function dynamoCalls(rows: TableRows): CallStore {
  return {
    async create(row) {
      const { outcome } = await rows.put(itemOf(row), ABSENT);
      return { outcome: outcome === "written" ? "written" : "already_there" };
    },
    async get(call) {
      const item = await rows.get(callKey(call));
      return item && callFrom(item);
    },
    async update(row) {
      const updated = { ...row, version: row.version + 1 };
      const when = { text: "#version = :version", values: { version: row.version } };
      const { outcome } = await rows.put(itemOf(updated), when);
      return outcome === "written" ? { outcome, row: structuredClone(updated) } : { outcome: "conflict" };
    },
    /** The index may lag behind a call that was just written; one that has ended is never given. */
    async open({ runId, limit, cursor }) {
      checkLimit(limit);
      const [after] = decodeCursor(cursor, ByName) ?? [];
      const { found } = await mergedPage(rows, {
        partitions: openCallPartitions(runId),
        index: true,
        after,
        want: limit + 1,
        read: async (items) => {
          const full = await rows.getMany(items);
          return full.flatMap((item) => (item === undefined ? [] : [callFrom(item)])).filter(wanted);
        },
      });
      return pageOf(found, limit, ({ call }) => [call]);

      function wanted(row: CallRow): boolean {
        return isOpen(row) && (runId === undefined || row.runId === runId);
      }
    },
  };
}

function itemOf(row: CallRow): Item {
  const open = isOpen(row) ? openCallKey(row) : {};
  return { ...callKey(row.call), ...open, version: row.version, row: JSON.stringify(row) };
}

function callFrom(item: Item): CallRow {
  return CallRow.parse(JSON.parse(item["row"] as string));
}
