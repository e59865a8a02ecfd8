import type { KeyStore } from "../../../shared/ports/service-store.ts";
import type { ApiKeyRow } from "../../../shared/schemas/service.ts";
import { newestPage } from "./service-paging.ts";

export function memoryKeys(): KeyStore {
  const keys = new Map<string, ApiKeyRow>();

  return {
    async create(key) {
      if (keys.has(key.keyId)) return { outcome: "already_there" };
      keys.set(key.keyId, structuredClone(key));
      return { outcome: "written" };
    },
    async get(keyId) {
      return structuredClone(keys.get(keyId));
    },
    list: async (page) => newestPage(keys.values(), page, ({ keyId }) => keyId),
    async revoke(keyId, at) {
      const key = keys.get(keyId);
      if (key === undefined) return { outcome: "unknown_key" };
      if (key.revokedAt !== undefined) return { outcome: "already_revoked" };
      key.revokedAt = at;
      return { outcome: "revoked" };
    },
  };
}
