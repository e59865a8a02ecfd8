import type { KeyStore } from "../../../shared/ports/service-store.ts";
import type { ApiKeyRow } from "../../../shared/schemas/service.ts";
import { apiKeyKey, NEWEST_KEYS, newestKey } from "./dynamo-keys.ts";
import { ABSENT, type Item } from "./items.ts";
import { newestPage } from "./newest.ts";
import type { TableRows } from "./table-rows.ts";

export function dynamoKeys(rows: TableRows): KeyStore {
  return {
    async create(key) {
      const { outcome } = await rows.put(itemOf(key), ABSENT);
      return { outcome: outcome === "written" ? "written" : "already_there" };
    },
    async get(keyId) {
      const item = await rows.get(apiKeyKey(keyId));
      return item && keyFrom(item);
    },
    list: (page) =>
      newestPage(rows, {
        list: NEWEST_KEYS,
        page,
        rowFrom: keyFrom,
        keyOf: ({ createdAt, keyId }) => [createdAt, keyId],
      }),
    revoke: (keyId, at) =>
      rows.lanes([`key ${keyId}`], async () => {
        const set = { text: "SET #revoked = :at", values: { at } };
        const when = { text: "attribute_exists(#pk) AND attribute_not_exists(#revoked)" };
        const { outcome, item } = await rows.update(apiKeyKey(keyId), set, when);
        if (outcome === "written") return { outcome: "revoked" };
        return { outcome: item === undefined ? "unknown_key" : "already_revoked" };
      }),
  };
}

function itemOf(key: ApiKeyRow): Item {
  const { revokedAt, ...row } = key;
  const revoked = revokedAt === undefined ? {} : { revoked: revokedAt };
  const { keyId, createdAt } = key;
  return { ...apiKeyKey(keyId), ...newestKey(NEWEST_KEYS, createdAt, keyId), ...revoked, row: JSON.stringify(row) };
}

function keyFrom(item: Item): ApiKeyRow {
  const revokedAt = item["revoked"] as number | undefined;
  return { ...JSON.parse(item["row"] as string), ...(revokedAt === undefined ? {} : { revokedAt }) };
}
