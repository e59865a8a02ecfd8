import type { IdempotencyStore } from "../../../shared/ports/service-store.ts";
import type { IdempotencyRow } from "../../../shared/schemas/service.ts";
import { EXPIRING_PARTITIONS, expiringKey, requestKey, sortable } from "./dynamo-keys.ts";
import type { Item } from "./items.ts";
import { TTL_ATTRIBUTE } from "./table.ts";
import type { TableRows } from "./table-rows.ts";

/** TTL removes expired rows for nothing, within days; until then conditions treat them as gone. `sweep` only hastens it. */
export function dynamoIdempotency(rows: TableRows): IdempotencyStore {
  return {
    async begin(row, now) {
      const over = "#expiresAt <= :now OR (#state = :begun AND #leaseUntil <= :now)";
      const when = { text: `attribute_not_exists(#pk) OR ${over}`, values: { now, begun: "in_progress" } };
      for (;;) {
        const { outcome, item } = await rows.put(itemOf(row), when);
        if (outcome === "written") return { outcome: "begun" };
        if (item !== undefined) return { outcome: "known", row: requestFrom(item) };
      }
    },
    async finish(key, bodyHash, response) {
      const set = {
        text: "SET #state = :done, #response = :response",
        values: { done: "done", response: JSON.stringify(response) },
      };
      const when = { text: "#state = :begun AND #bodyHash = :hash", values: { begun: "in_progress", hash: bodyHash } };
      await rows.update(requestKey(key), set, when);
    },
    async forget(key) {
      await rows.remove(requestKey(key));
    },
    async sweep(now) {
      const before = sortable(now);
      const found = await Promise.all(EXPIRING_PARTITIONS.map((pk) => rows.queryAll({ pk, index: true, before })));
      const when = { text: "#expiresAt <= :now", values: { now } };
      const removed = await Promise.all(found.flat().map((key) => rows.removeOnce(key, when)));
      return { deleted: removed.filter(({ outcome }) => outcome === "written").length };
    },
  };
}

function itemOf({ key, response, ...row }: IdempotencyRow): Item {
  return {
    ...requestKey(key),
    ...expiringKey(row.expiresAt, key),
    ...row,
    key,
    ...(response === undefined ? {} : { response: JSON.stringify(response) }),
    [TTL_ATTRIBUTE]: Math.ceil(row.expiresAt / 1000),
  };
}

function requestFrom(item: Item): IdempotencyRow {
  const { key, bodyHash, state, leaseUntil, expiresAt, response } = item;
  const row = { key, bodyHash, state, leaseUntil, expiresAt } as IdempotencyRow;
  return response === undefined ? row : { ...row, response: JSON.parse(response as string) };
}
