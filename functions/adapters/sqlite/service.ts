import type { DatabaseSync } from "node:sqlite";
import type { ServiceStore } from "../../../shared/ports/service-store.ts";
import type { Write } from "./group-commit.ts";
import { sqliteEvents } from "./service-events.ts";
import { sqliteIdempotency } from "./service-idempotency.ts";
import { sqliteKeys } from "./service-keys.ts";
import { sqliteWebhooks } from "./service-webhooks.ts";

export function sqliteService(database: DatabaseSync, write: Write): ServiceStore {
  return {
    keys: sqliteKeys(database, write),
    idempotency: sqliteIdempotency(database, write),
    events: sqliteEvents(database, write),
    webhooks: sqliteWebhooks(database, write),
  };
}
