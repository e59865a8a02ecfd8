import type { IdempotencyStore } from "../../../shared/ports/service-store.ts";
import type { IdempotencyRow } from "../../../shared/schemas/service.ts";

export function memoryIdempotency(): IdempotencyStore {
  const requests = new Map<string, IdempotencyRow>();

  return {
    async begin(row, now) {
      const known = requests.get(row.key);
      if (known !== undefined && !isOver(known, now)) return { outcome: "known", row: structuredClone(known) };
      requests.set(row.key, structuredClone(row));
      return { outcome: "begun" };
    },
    async finish(key, bodyHash, response) {
      const row = requests.get(key);
      if (row?.state !== "in_progress" || row.bodyHash !== bodyHash) return;
      Object.assign(row, { state: "done", response: structuredClone(response) });
    },
    async forget(key) {
      requests.delete(key);
    },
    async sweep(now) {
      const expired = [...requests.values()].filter(({ expiresAt }) => expiresAt <= now);
      for (const { key } of expired) requests.delete(key);
      return { deleted: expired.length };
    },
  };
}

function isOver({ state, leaseUntil, expiresAt }: IdempotencyRow, now: number): boolean {
  return expiresAt <= now || (state === "in_progress" && leaseUntil <= now);
}
