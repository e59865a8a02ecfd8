import type { ServiceStore } from "../../../shared/ports/service-store.ts";
import { dynamoEvents } from "./service-events.ts";
import { dynamoIdempotency } from "./service-idempotency.ts";
import { dynamoKeys } from "./service-keys.ts";
import { dynamoWebhooks } from "./service-webhooks.ts";
import type { TableRows } from "./table-rows.ts";

export function dynamoService(rows: TableRows): ServiceStore {
  return {
    keys: dynamoKeys(rows),
    idempotency: dynamoIdempotency(rows),
    events: dynamoEvents(rows),
    webhooks: dynamoWebhooks(rows),
  };
}
