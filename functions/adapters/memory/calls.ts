import { z } from "zod";
import type { CallStore } from "../../../shared/ports/calls.ts";
import { type CallRow, isOpen } from "../../../shared/schemas/calls.ts";
import { checkLimit, compareUtf8, decodeCursor, pageOf } from "../paging.ts";

const ByName = z.tuple([z.string()]);

/** A CallStore that forgets everything with the process: for tests and simulations. */
export function memoryCalls(): CallStore {
  const calls = new Map<string, CallRow>();

  return {
    async create(row) {
      if (calls.has(row.call)) return { outcome: "already_there" };
      calls.set(row.call, structuredClone(row));
      return { outcome: "written" };
    },
    async get(call) {
      return structuredClone(calls.get(call));
    },
    async update(row) {
      if (calls.get(row.call)?.version !== row.version) return { outcome: "conflict" };
      const updated = { ...structuredClone(row), version: row.version + 1 };
      calls.set(row.call, updated);
      return { outcome: "written", row: structuredClone(updated) };
    },
    async open({ runId, limit, cursor }) {
      checkLimit(limit);
      const [after] = decodeCursor(cursor, ByName) ?? [];
      const found = [...calls.values()]
        .filter((row) => isOpen(row) && (runId === undefined || row.runId === runId))
        .filter(({ call }) => after === undefined || compareUtf8(call, after) > 0)
        .sort((a, b) => compareUtf8(a.call, b.call));
      return pageOf(structuredClone(found.slice(0, limit + 1)), limit, ({ call }) => [call]);
    },
  };
}
