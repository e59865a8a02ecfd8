import { z } from "zod";
import type { RunStore } from "../../../shared/ports/state-store.ts";
import type { RunRow } from "../../../shared/schemas/rows.ts";
import { checkLimit, compareUtf8, decodeCursor, pageOf } from "../paging.ts";

const NewestFirst = z.tuple([z.int(), z.string()]);

export function memoryRuns(): RunStore {
  const runs = new Map<string, RunRow>();

  return {
    async create(run) {
      if (runs.has(run.runId)) return { outcome: "already_there" };
      runs.set(run.runId, structuredClone(run));
      return { outcome: "written" };
    },
    async get(runId) {
      return structuredClone(runs.get(runId));
    },
    async list({ limit, cursor }) {
      checkLimit(limit);
      const after = decodeCursor(cursor, NewestFirst);
      const sorted = [...runs.values()].sort((a, b) => newestFirst(keyOf(a), keyOf(b)));
      const rest = after ? sorted.filter((run) => newestFirst(after, keyOf(run)) < 0) : sorted;
      return pageOf(structuredClone(rest.slice(0, limit + 1)), limit, keyOf);
    },
    async update(run) {
      if (runs.get(run.runId)?.version !== run.version) return { outcome: "conflict" };
      const updated = { ...structuredClone(run), version: run.version + 1 };
      runs.set(run.runId, updated);
      return { outcome: "written", run: structuredClone(updated) };
    },
  };
}

function keyOf(run: RunRow): [number, string] {
  return [run.createdAt, run.runId];
}

function newestFirst([createdA, idA]: [number, string], [createdB, idB]: [number, string]): number {
  return createdB - createdA || compareUtf8(idB, idA);
}
